#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes a web site as large sites are: some 70 objects and 2 MB on three addresses, and nginx's settings for it.

    site.py FOLDER ADDRESS...

The page names style sheets and scripts in its head and pictures in its body, spread over the addresses; the style
sheets name more pictures, which a browser finds only when it has them. Nothing compresses, sizes
vary as they do in the wild (many small, few large), and the same call makes the same site. With SITE_BYTES in the
environment the page is one object of so many bytes, for a bulk transfer.
"""
import os
import random
import struct
import sys
import zlib

STYLES, SCRIPTS, PICTURES, BACKGROUNDS = 6, 12, 45, 6  # and the page itself
TOTAL = 2_000_000
NGINX = """daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log stderr;
events { worker_connections 1000; }
http {
    types { text/html html; text/css css; text/javascript js; image/png png; }
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
    uwsgi_temp_path temp; scgi_temp_path temp;
    sendfile on;
    tcp_nopush on;
    server { listen 80; root www; }
}
"""
rng = random.Random("site")


def noise(size):
    """Text that does not compress well."""
    return bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,")
                 for _ in range(size))


def png(size):
    """A picture of noise, of about this many bytes."""
    width = 64
    height = max(1, size // (3 * width + 1))
    rows = b"".join(b"\0" + rng.randbytes(3 * width) for _ in range(height))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1))
            + chunk(b"IEND", b""))


def sizes(count, total):
    weights = [rng.lognormvariate(0, 1) for _ in range(count)]
    return [max(300, int(total * weight / sum(weights))) for weight in weights]


def main():
    folder, *addresses = sys.argv[1:]
    www = os.path.join(folder, "www")
    os.makedirs(www)
    os.makedirs(os.path.join(folder, "temp"))

    def write(name, content):
        with open(os.path.join(www, name), "wb") as file:
            file.write(content)

    def url(number, name):
        return f"http://{addresses[number % len(addresses)]}/{name}"

    head, body = [], []
    for number, size in enumerate(sizes(STYLES, TOTAL * 0.08)):
        background = url(number + 1, f"background{number}.png")
        rule = f"#b{number} {{ height: 40px; background: url({background}); }}\n/* "
        write(f"style{number}.css", rule.encode() + noise(size) + b" */\n")
        head.append(f'<link rel="stylesheet" href="{url(number, f"style{number}.css")}">')
        body.append(f'<div id="b{number}"></div>')
    for number, size in enumerate(sizes(SCRIPTS, TOTAL * 0.25)):
        write(f"script{number}.js", f"window.count = (window.count || 0) + 1; /* ".encode()
              + noise(size) + b" */\n")
        head.append(f'<script src="{url(number, f"script{number}.js")}"></script>')
    for number, size in enumerate(sizes(PICTURES, TOTAL * 0.57)):
        write(f"picture{number}.png", png(size))
        body.append(f'<img src="{url(number, f"picture{number}.png")}" width="64" height="64" alt="">')
    for number, size in enumerate(sizes(BACKGROUNDS, TOTAL * 0.08)):
        write(f"background{number}.png", png(size))
    page = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>A site</title>\n"
    if os.environ.get("SITE_BYTES"):
        page += "<p>One object</p><!--" + rng.randbytes(int(os.environ["SITE_BYTES"]) // 2).hex() + "--></html>\n"
    else:
        page += "\n".join(head + body) + "\n<p>" + noise(int(TOTAL * 0.02)).decode() + "</p></html>\n"
    write("index.html", page.encode())
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX)
    files = os.listdir(www)
    print(len(files), "objects,", sum(os.path.getsize(os.path.join(www, name)) for name in files), "bytes")


main()
