"""What people are told when something cannot be done: one sentence per kind of error, with a way on."""

from catalog import errors as goods
from einvoice import errors as invoice
from market import errors as place
from market.web.errors import tells
from payments import amounts, banks, qr_errors, qr_picture
from payments import errors as money
from payments.gateways import (
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    NoticeForged,
    NoticeMalformed,
)
from payments.gateways.stripe import AmountUnsupported
from payments.text import CodeTooLong

# ── Sales and money ─────────────────────────────────────────────────────────────────────────────
tells(place.AmountOutOfRange, 422, "Số tiền phải từ 1 đến 499.999.999 ₫.")
tells(money.AmountOutOfRange, 422, "Số tiền phải từ 1 đến 499.999.999 ₫.")
tells(amounts.AmountError, 422, "Số tiền chưa rõ. Gõ lại, ví dụ 50000 hoặc 50k.")
tells(
    place.LinesDoNotAddUp, 422, "Các dòng hàng cộng lại chưa bằng số tiền. Kiểm tra lại giỏ hàng."
)
tells(place.SaleIdReused, 409, "Lần bán này đã có với nội dung khác. Tạo lần bán mới.")
tells(place.StallNotSelling, 409, "Sạp này đang nghỉ hoặc chưa có người bán.")
tells(
    place.NoReceivingAccount,
    409,
    "Sạp chưa có tài khoản nhận tiền. Ghi tiền mặt, hoặc gọi tổ công nghệ số.",
)
tells(place.SaleFinal, 409, "Lần bán này đã đóng, không đổi được nữa.")
tells(place.SaleNotPaid, 409, "Chưa thấy tiền về nên chưa lập được hóa đơn.")
tells(money.PaymentUnknown, 404, "Không tìm thấy lần thanh toán này.")
tells(money.PaymentIdReused, 409, "Lần bán này đã có với nội dung khác. Tạo lần bán mới.")
tells(money.PaymentNotOpen, 409, "Lần bán này đã đóng, không đổi được nữa.")
tells(money.LedgerBusy, 503, "Đang rất đông. Vui lòng thử lại sau một giây.")
tells(money.LedgerError, 503, "Sổ ghi tiền đang bận. Chưa có gì bị mất. Vui lòng thử lại.")
tells(
    money.LedgerUnavailable,
    503,
    "Chưa ghi chắc được vào sổ. Tiền khách trả không mất. Đợi vài giây rồi thử lại.",
)
tells(money.LedgerClosed, 503, "Sổ ghi tiền đang khởi động lại. Vui lòng thử lại sau ít giây.")
tells(money.PostTooLarge, 422, "Quá nhiều khoản trong một lần gửi. Chia nhỏ rồi gửi lại.")
tells(money.ConfirmationInvalid, 422, "Tin báo này không phải một khoản tiền. Kiểm tra nơi gửi.")
tells(
    money.SettlementFailed,
    503,
    "Khoản tiền này chưa ghi được vào sổ. Không mất tin báo nào. Gọi người hỗ trợ.",
)
tells(
    money.CashRefused,
    409,
    "Chưa ghi được tiền mặt: sổ của sạp đang tạm khóa hoặc tới hạn mức. Gọi ban quản lý chợ.",
)
tells(money.AccountUnknown, 404, "Không tìm thấy tài khoản sổ này.")
tells(money.AccountClosed, 409, "Tài khoản sổ này đã đóng, không đổi được nữa.")
tells(
    money.AccountNotEmpty, 409, "Tài khoản sổ còn tiền hoặc còn khoản đang giữ nên chưa đóng được."
)
tells(money.LimitsInvalid, 422, "Hạn mức chưa hợp lệ: mức thấp nhất phải dưới mức cao nhất.")
tells(money.LimitRefused, 409, "Tài khoản sổ đã có thể xuống thấp hơn mức này. Chọn mức thấp hơn.")
tells(money.StatementCursorUnknown, 404, "Không xem tiếp được từ chỗ này. Mở lại sao kê từ đầu.")
tells(money.CodeInvalid, 422, "Mã đơn chưa đúng. Tạo lần bán mới.")
tells(money.CodeTaken, 409, "Mã này đã dùng. Tạo lại lần bán.")
tells(money.PaymentExpiryInvalid, 422, "Hạn trả tiền đã qua. Tạo lần bán mới.")
tells(money.StandIdReused, 409, "Mã in này đã cấp cho nơi khác. In mã mới.")
tells(CodeTooLong, 422, "Mã đơn quá dài so với nội dung chuyển khoản.")
tells(money.PaymentError, 422, "Không làm được việc này với khoản tiền. Xem chi tiết.")
tells(
    AmountUnsupported, 422, "Thẻ quốc tế chỉ nhận từ 13.000 đến 99.999.999 ₫. Hãy trả bằng mã QR."
)
tells(GatewayUnavailable, 503, "Cổng thanh toán chưa trả lời. Chưa trừ tiền. Vui lòng thử lại.")
tells(GatewayRefused, 409, "Cổng thanh toán từ chối. Hãy chọn cách trả khác.")
tells(GatewayError, 503, "Cổng thanh toán trả lời không rõ. Chờ một lát rồi xem lại kết quả.")
tells(NoticeForged, 401, "Chữ ký không đúng.")
tells(NoticeMalformed, 422, "Tin báo không đúng mẫu của nơi gửi.")
# ── QR codes and accounts ───────────────────────────────────────────────────────────────────────
tells(qr_errors.QRError, 422, "Mã QR này không dùng được để trả tiền ở đây.")
tells(qr_errors.QREmpty, 422, "Chưa có mã QR nào.")
tells(qr_errors.QRChecksumWrong, 422, "Mã QR bị hỏng hoặc bị sửa. Quét lại.")
tells(qr_errors.QRForeign, 422, "Đây là mã QR của nước ngoài, không dùng được ở đây.")
tells(qr_errors.QRBankNotUsed, 422, "Ngân hàng này nhận chuyển khoản bằng mã khác. Chọn lại.")
tells(qr_picture.PictureError, 422, "Chưa đọc được ảnh này. Hãy chụp lại.")
tells(qr_picture.PictureTooLarge, 422, "Ảnh quá lớn. Hãy chụp lại, hoặc cắt bớt.")
tells(qr_picture.PictureUnreadable, 422, "Tệp này không phải là ảnh. Hãy chụp mã bằng máy ảnh.")
tells(qr_picture.PictureWithoutCode, 422, "Không thấy mã QR trong ảnh. Hãy chụp gần và thẳng hơn.")
tells(
    qr_picture.PictureReaderMissing,
    422,
    "Máy chủ chưa đọc được ảnh. Hãy quét bằng ứng dụng ngân hàng.",
)
tells(banks.BankAmbiguous, 422, "Tên này có ở nhiều ngân hàng. Chọn trong danh sách.")
tells(banks.BankUnknown, 422, "Không có ngân hàng này. Chọn lại trong danh sách.")
tells(banks.AccountMalformed, 422, "Số tài khoản chưa đúng: 1 đến 19 chữ số hoặc chữ cái.")
tells(money.PayeeTaken, 409, "Tài khoản này đã đăng ký cho người bán khác.")
tells(money.PayeeUnknown, 404, "Không tìm thấy tài khoản nhận tiền.")
tells(money.PayeeRetired, 409, "Tài khoản nhận tiền này đã ngừng dùng.")
# ── People and places ───────────────────────────────────────────────────────────────────────────
tells(place.NotFound, 404, "Không tìm thấy, hoặc bạn không được xem.")
tells(place.StaleVersion, 409, "Người khác vừa thay đổi. Tải lại trang rồi làm tiếp.")
tells(place.PhoneInvalid, 422, "Số điện thoại cần 10 chữ số, bắt đầu bằng 03, 05, 07, 08 hoặc 09.")
tells(place.PhoneTaken, 409, "Số điện thoại này đã có người dùng.")
tells(
    place.PhoneOfAnother, 409,
    "Số điện thoại này đã có người dùng với tên khác. Viết đúng họ tên, hoặc xem lại số.",
)  # fmt: skip
tells(place.HelperIsOwner, 409, "Đây là số của chính bạn. Gõ số của người bán giúp.")
tells(place.HelpersTooMany, 409, "Sạp đã đủ mười người bán giúp. Bớt một người rồi thêm.")
tells(place.NameInvalid, 422, "Tên chỉ gồm chữ cái, dấu cách và dấu gạch nối.")
tells(place.IdNumberInvalid, 422, "Số định danh cần đủ 12 chữ số.")
tells(place.StallTaken, 409, "Sạp này đã có người bán.")
tells(place.StepNotNow, 409, "Bước này chưa làm được lúc này. Tải lại trang.")
tells(place.ConsentMissing, 422, "Cần người bán đồng ý với mục bắt buộc trước khi làm tiếp.")
tells(
    place.AccountInvalid, 422, "Tài khoản nhận tiền chưa đúng. Kiểm tra ngân hàng và số tài khoản."
)
tells(
    place.AccountNameDiffers,
    409,
    "Tên ở ngân hàng khác tên người bán. Kiểm tra lại trước khi dùng.",
)
tells(place.UnitAmbiguous, 422, "Địa bàn cũ này đã chia cho nhiều phường. Chọn phường hiện nay.")
# ── Invoices ────────────────────────────────────────────────────────────────────────────────────
tells(place.InvoiceNotPossible, 409, "Người bán chưa đăng ký hóa đơn điện tử nên chưa lập được.")
tells(
    place.InvoiceNumberWaits, 409, "Lần bán này đã có số hóa đơn từ lúc mất mạng. Lát nữa tự lập."
)
tells(invoice.EInvoiceError, 422, "Chưa lập được hóa đơn. Xem chi tiết.")
tells(invoice.FieldInvalid, 422, "Một ô trên hóa đơn chưa đúng. Xem chi tiết.")
tells(invoice.TaxIdInvalid, 422, "Mã số thuế cần 10, 12 hoặc 13 chữ số.")
tells(invoice.TooLateToName, 409, "Chỉ đổi tên người mua được trong ngày lập hóa đơn.")
tells(invoice.NotCorrectable, 409, "Hóa đơn này không sửa theo cách đó được nữa.")
tells(invoice.BookEntryInvalid, 422, "Dòng này chưa ghi được: xem lại số tiền, ngày và lượng hàng.")
tells(invoice.BookEntryNotFound, 404, "Không tìm thấy dòng này trong sổ.")
tells(invoice.TaxNotComputed, 422, "Chưa tính được thuế của kỳ này: luật của năm đó chưa có.")
tells(invoice.InvoiceNotFound, 404, "Không tìm thấy hóa đơn này.")
tells(invoice.SignerFailed, 503, "Chưa ký được hóa đơn. Kiểm tra chữ ký số rồi thử lại.")
tells(invoice.TaxNotComputed, 422, "Chưa đủ số liệu để tính thuế. Xem chi tiết.")
tells(invoice.InstrumentNotInForce, 409, "Văn bản này không còn hiệu lực nên không ghi được.")
tells(
    invoice.FormNotRegistered,
    409,
    "Người bán chưa đăng ký loại hóa đơn này. Đăng ký thay đổi trước.",
)
tells(invoice.SellerNotRegistered, 409, "Người bán chưa đăng ký hóa đơn điện tử nên chưa lập được.")
tells(
    invoice.DelegationMissing,
    409,
    "Chưa có hợp đồng ủy nhiệm được cơ quan thuế chấp nhận cho người bán này.",
)
tells(
    invoice.NumberOutOfTurn, 409, "Số hóa đơn của máy này chưa đến lượt. Gửi các hóa đơn trước đó."
)
tells(invoice.SeriesExhausted, 409, "Ký hiệu này đã hết số trong năm. Chọn ký hiệu khác.")
tells(invoice.NothingToRegister, 409, "Việc đăng ký này đã gửi rồi. Chờ cơ quan thuế trả lời.")
tells(invoice.AuthorityUnavailable, 503, "Cơ quan thuế chưa trả lời. Hóa đơn sẽ được gửi lại sau.")
# ── Goods ───────────────────────────────────────────────────────────────────────────────────────
tells(goods.CatalogError, 422, "Hàng hóa chưa lưu được. Xem chi tiết.")
tells(goods.InvalidProduct, 422, "Thông tin hàng hóa chưa đúng. Xem chi tiết từng ô.")
tells(goods.InvalidQuantity, 422, "Số lượng chưa đúng.")
tells(
    goods.OutOfStock,
    409,
    "Hàng không còn đủ, hoặc đang có khách khác trả tiền. Xem lại số lượng rồi bán lại.",
)
tells(goods.UnknownProduct, 404, "Không tìm thấy mặt hàng này.")
tells(goods.SkuTaken, 409, "Mã hàng này đã dùng rồi.")
tells(goods.StaleVersion, 409, "Người khác vừa thay đổi. Tải lại trang rồi làm tiếp.")
tells(goods.PriceJump, 409, "Giá thay đổi quá nhiều. Xác nhận lại nếu đúng.")
tells(goods.PictureRefused, 422, "Ảnh không dùng được. Chọn ảnh JPG hoặc PNG dưới 2 MB.")
