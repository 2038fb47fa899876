"""PDFs written by hand, as small as the format allows."""

import zlib


def made(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    streams = [f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET".encode() for page in pages]
    return _written([_stream(stream) for stream in streams])


def bomb(size: int) -> bytes:
    """A PDF whose only page unpacks to `size` bytes of spaces."""
    packer = zlib.compressobj(9)
    spaces, packed = b" " * (1 << 20), []
    packed += [packer.compress(spaces) for _ in range(size >> 20)]
    return _written([_stream(b"".join([*packed, packer.flush()]), b" /Filter /FlateDecode")])


def _stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), more, data)


def _written(contents: list[bytes]) -> bytes:
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, content in enumerate(contents):
        page = "/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects += [f"<< {page} /Contents {5 + 2 * n} 0 R >>".encode(), content]
    data, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
    return bytes(data) + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end
