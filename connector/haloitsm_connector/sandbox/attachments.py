"""Bytes instead of JSON: attachments, images and PDF files (halo-api-facts 3 and 4.5)."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from urllib.parse import quote

from haloitsm_connector.sandbox.answers import Answer, Asked
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.seed.world import CONTENT, Record

_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082".replace(" ", "")
)


def file_answer(table: str, record: Record) -> Answer:
    """Answer the bytes of a record, with its name in Content-Disposition (RFC 6266)."""
    content = record.get(CONTENT)
    if content is None:
        image = "image" in table.casefold()
        content, kind, name = (_PIXEL, "image/png", "image.png") if image else _pdf(record)
    else:
        kind, name = record.get("content_type") or "application/octet-stream", record.get("filename") or "file"
    plain = name.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Answer(200, content, kind, {"Content-Disposition": disposition})


def _pdf(record: Record) -> tuple[bytes, str, str]:
    number = record.get("id", 0)
    return f"%PDF-1.4\n% sandbox document {number}\n%%EOF\n".encode(), "application/pdf", f"document-{number}.pdf"


def uploaded(asked: Asked) -> Record | None:
    """Return the file of a multipart body as an attachment record, None when it has no part named ``file``."""
    if asked.content_type != "multipart/form-data":
        raise Refusal("Unsupported Media Type", status=415, shape="empty")
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + asked.body)
    for part in message.walk():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return {
                "filename": part.get_filename() or "file", "content_type": part.get_content_type(),
                "filesize": len(content), CONTENT: content,
            }  # fmt: skip
    return None
