"""What sessions, differences and files are called, and what is said when something cannot be done."""

from market.web.errors import tells
from market.web.i18n import N_
from payments import clearing
from payments.reconciliation import ReconciliationBusy, RecordUnreadable

STATES = {
    "loaded": ("river", N_("Đã nhận tệp")),
    "checked": ("river", N_("Đã kiểm tra")),
    "reconciled": ("honey", N_("Đã đối chiếu, chờ duyệt")),
    "approved": ("river", N_("Đã duyệt, đang lập lệnh")),
    "instructed": ("river", N_("Đã gửi lệnh, chờ tiền về")),
    "confirmed": ("leaf", N_("Tiền đã về đủ")),
    "withdrawn": ("stone", N_("Đã rút lại")),
}
STEPS = ("loaded", "checked", "reconciled", "approved", "instructed", "confirmed")
WHY = {
    "missing_local": N_("Cổng thanh toán có, sổ của mình không có. Thường là mất tin báo."),
    "missing_provider": N_("Sổ của mình có, tệp không có. Chưa trả khoản này."),
    "amount_mismatch": N_("Số tiền hai bên khác nhau."),
    "status_mismatch": N_("Bên này đã thu, bên kia báo không thành công hoặc đã hủy."),
    "fee_mismatch": N_("Phí bị trừ khác với hợp đồng."),
    "duplicate": N_("Giao dịch này có hai lần."),
}
WHY_STATEMENT = WHY | {
    "missing_local": N_("Sao kê có, chưa ai báo về. Thường là mất tin báo."),
    "missing_provider": N_("Đã báo về mà sao kê không có. Có thể là tin giả."),
}
DO = {
    "record": N_("Ghi nhận khoản này"),
    "accept": N_("Theo số của họ"),
    "reject": N_("Không trả dòng này"),
    "dispute": N_("Gửi tra soát"),
    "wait": N_("Chờ tệp ngày sau"),
}
DONE = {
    "record": N_("Đã ghi nhận"),
    "accept": N_("Đã theo số của họ"),
    "reject": N_("Đã loại"),
    "dispute": N_("Đang tra soát"),
    "wait": N_("Đang chờ tệp sau"),
    "came_later": N_("Đã có trong tệp sau"),
    "undo": N_("Đang làm lại"),
}
WHY_FILE = {
    "record_encoding": N_("Tệp không phải CSV dạng UTF-8. Xuất lại CSV, UTF-8 rồi nạp lại."),
    "record_columns": N_("Dòng đầu thiếu hoặc sai tên cột. Xin đúng mẫu tệp."),
    "record_amount": N_("Số tiền sai: chỉ viết chữ số, đồng tròn, đúng dấu cộng trừ."),
    "record_currency": N_("Tiền không phải đồng Việt Nam."),
    "record_sum": N_("Cộng lại không đúng. Xin bên gửi sửa tệp."),
    "record_day": N_("Dòng này của ngày khác. Mỗi tệp một ngày."),
    "record_doubled": N_("Số thứ tự có hai lần. Xin lại tệp."),
    "record_cut": N_("Tệp bị cắt mất phần cuối hoặc thiếu ô. Xin lại tệp."),
    "record_trailer": N_(
        "Dòng tổng không khớp với các dòng. Tệp đã bị sửa hoặc hỏng, xin lại tệp."
    ),
    "record_empty": N_("Tệp không có dòng nào."),
    "record_too_large": N_("Tệp quá lớn. Xin tệp từng ngày."),
    "record_unlike": N_("Quá nhiều dòng lệch: có đúng tệp của ngày và cổng này không?"),
    "session_exists": N_(
        "Ngày này đã có một tệp khác. Rút phiên đó lại trước, hoặc cất tệp này đi."
    ),
    "format_unknown": N_("Chưa biết mẫu sao kê này. Dùng CSV của ngân hàng, MT940 hoặc camt.053."),
    "record_cell": N_("Một ô không đọc được. Xin bên gửi sửa tệp."),
}

tells(RecordUnreadable, 422, "Tệp không dùng được. Chưa có gì được ghi. Xem chi tiết bên dưới.")
tells(ReconciliationBusy, 409, "Đang đối chiếu một tệp khác. Thử lại sau một phút.")
tells(clearing.SessionExists, 409, "Ngày này đã có một tệp khác. Rút phiên đó lại trước.")
tells(clearing.SessionUnknown, 404, "Không tìm thấy phiên này.")
tells(clearing.SessionNotReady, 409, "Phiên này vừa đổi trạng thái. Tải lại trang rồi xem.")
tells(clearing.SamePerson, 409, "Bạn đã duyệt lần một. Lần hai phải là người khác.")
tells(clearing.DifferenceUnknown, 404, "Không tìm thấy dòng lệch này.")
tells(
    clearing.ResolutionRefused, 409, "Không làm được với dòng này. Ghi lý do, hoặc tải lại trang."
)
tells(clearing.PayoutUnknown, 404, "Người bán không có phần trong phiên này.")
tells(clearing.PostingRefused, 409, "Sổ ghi tiền chưa nhận. Tiền vẫn còn nguyên. Gọi người hỗ trợ.")
