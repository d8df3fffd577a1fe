"""Files made elsewhere lie here unchanged, each with its licence."""

import hashlib
import json
import re

import pytest

from market.web.assets import STATIC, files, url, version

MANIFEST = json.loads((STATIC / "vendor" / "manifest.json").read_text("utf-8"))


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["path"])
def test_a_vendored_file_is_the_one_the_manifest_names(entry: dict[str, str]):
    content = (STATIC / entry["path"]).read_bytes()

    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert entry["version"] in entry["path"] or entry["path"].startswith("fonts/")


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["path"])
def test_a_vendored_file_has_its_licence_beside_it(entry: dict[str, str]):
    words = (STATIC / entry["licence_file"]).read_text("utf-8")

    assert entry["licence"] in {"MIT", "OFL-1.1"}
    assert "SIL Open Font License" in words or "Permission is hereby granted" in words


def test_the_manifest_names_every_vendored_file():
    made_elsewhere = {
        name for name in files() if name.startswith("vendor/") or name.endswith(".woff2")
    }
    named = {e["path"] for e in MANIFEST} | {e["licence_file"] for e in MANIFEST}

    assert made_elsewhere - named == {"vendor/manifest.json"}


def test_no_script_or_style_reaches_outside_the_market():
    outside = re.compile(r"""(?:src|href|import|from|url\()\s*=?\s*["'(]?\s*(?:https?:)?//""")
    ours = [name for name in files() if name.endswith((".css", ".js")) and "vendor/" not in name]

    found = [name for name in ours if outside.search((STATIC / name).read_text("utf-8"))]

    assert ours
    assert found == []


def test_a_files_address_changes_with_the_files():
    assert url("css/app.css") == f"/static/{version()}/css/app.css"
    assert re.fullmatch(r"[0-9a-f]{12}", version())
