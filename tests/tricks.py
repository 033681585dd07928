"""Files and names that try to make a program open something else: a canary, or an address."""

from __future__ import annotations

import struct
from pathlib import Path

from footage import ffmpeg

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{http}/a.ts\n#EXT-X-ENDLIST\n",
    "hls of files": (
        '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{http}/key"\n'
        '#EXT-X-MAP:URI="canary.mp4"\n#EXTINF:9,\ncanary.ts\n#EXT-X-ENDLIST\n'
    ),
    "hls of playlists": '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{http}/b.m3u8\n',
    "m3u": "# songs\ncanary.mp4\n{http}/a.mp3\n",
    "ffconcat": "ffconcat version 1.0\nfile canary.mp4\nfile '{http}/a.ts'\n",
    "concat list": "file 'canary.mp4'\nfile '{http}/a.ts'\n",
    "dash": XML + (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S" '
        'profiles="urn:mpeg:dash:profile:isoff-live:2011"><Period><BaseURL>{http}/</BaseURL>'
        '<AdaptationSet><Representation id="1" mimeType="video/mp4" codecs="avc1.42c01e" '
        'bandwidth="1"><BaseURL>canary.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>'
    ),
    "smooth streaming": XML + '<SmoothStreamingMedia><StreamIndex Url="{http}/a"/>'
    "</SmoothStreamingMedia>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "xspf": XML + '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
    "<location>{http}/a.mp4</location><location>canary.mp4</location></track></trackList>"
    "</playlist>",
    "pls": "[playlist]\nFile1={http}/a.mp3\nFile2=canary.mp4\nNumberOfEntries=2\nVersion=2\n",
    "asx": '<asx version="3.0"><entry><ref href="{http}/a.wmv"/></entry></asx>\n',
    "asf reference": "[Reference]\nRef1={http}/a.wmv\nRef2=canary.mp4\n",
    "strm": "{http}/a.mp4\n",
    "shortcut": "[InternetShortcut]\nURL={http}/a.mp4\n",
    "cue": 'FILE "canary.mp4" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "smil": '<smil><body><video src="{http}/a.mp4"/></body></smil>',
    "ram": "{http}/a.rm\nfile://canary.mp4\n",
    "mpv edl": "# mpv EDL v0\ncanary.mp4,0,5\n{http}/a.mp4,0,5\n",
    "avisynth": 'AviSource("canary.mp4")\n',
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
    "imf composition": XML + '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/'
    '2016"><Id>urn:uuid:1</Id><SegmentList/></CompositionPlaylist>',
    "imf assets": XML + "<AssetMap><AssetList><Asset><ChunkList><Chunk><Path>canary.mp4</Path>"
    "</Chunk></ChunkList></Asset></AssetList></AssetMap>",
    "drawing": XML + '<svg xmlns="http://www.w3.org/2000/svg"><image href="{http}/a.png"/>'
    '<image href="canary.mp4"/></svg>',
    "page": '<!DOCTYPE html><video src="{http}/a.mp4"></video>',
    "entities": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "canary.mp4"><!ENTITY y '
    'SYSTEM "{http}/dtd">]><MPD>&x;&y;</MPD>',
}  # fmt: skip
SUFFIXES = (".mp4", ".mkv", ".avi", ".ts", ".mov", ".mp3", ".m3u8", ".mpd", ".sdp", ".ffconcat", "")

NAMES = (
    "concat:canary.mp4|canary.ts", "concatf:canary.txt", "file:canary.mp4", "file:///canary.mp4",
    "subfile,,start,0,end,0,,:canary.mp4", "crypto:canary.mp4", "cache:canary.mp4",
    "async:canary.mp4", "tee:canary.mp4", "data:text/plain,x", "pipe:0", "pipe:", "-", "fd:",
    "fd:3",
    "unix:canary.mp4", "http:__x.mp4", "http://127.0.0.1:{port}/x.mp4", "HTTP://127.0.0.1:{port}/x",
    "https://127.0.0.1:{port}/x.mp4", "cache:http://127.0.0.1:{port}/x.mp4",
    "hls+http://127.0.0.1:{port}/x.m3u8", "tcp://127.0.0.1:{port}", "tls://127.0.0.1:{port}",
    "rtmp://127.0.0.1:{port}/x", "rtsp://127.0.0.1:{port}/x", "ftp://127.0.0.1:{port}/x.mp4",
    "gopher://127.0.0.1:{port}/x", "mmsh://127.0.0.1:{port}/x", "icecast://127.0.0.1:{port}/x",
    "s3://127.0.0.1:{port}/x.mp4", "frame%03d.jpg", "canary%d.mp4", "canar*.mp4", "canar[y].mp4",
    "lavfi:testsrc", "testsrc=d=1", "dshow:video", "/dev/video0", "~/canary.mp4", "$PWD/canary.mp4",
)  # fmt: skip
"""Names of no file that a careless program reads a canary or an address by."""


def _grown(data: bytes, at: int, old_bytes: int, new: bytes, boxes: tuple[bytes, ...]) -> bytes:
    """Replace a part of an MP4 whose index stands at the end, and put the sizes around it right."""
    spoilt = bytearray(data)
    more = len(new) - old_bytes
    for box in boxes:
        start = spoilt.rindex(box, 0, at + 8) - 4
        (size,) = struct.unpack_from(">I", spoilt, start)
        struct.pack_into(">I", spoilt, start, size + more)
    spoilt[at : at + old_bytes] = new
    return bytes(spoilt)


def _alias(name: str) -> bytes:
    """A Macintosh alias record that leads to a file beside the one that it is in."""
    path = name.encode()
    fixed = bytes(10) + b"\3Mac".ljust(28, b"\0") + bytes(12)
    fixed += bytes([len(path)]) + path.ljust(63, b"\0") + bytes(16) + struct.pack(">HH", 1, 1)
    fixed += bytes(16)
    extra = struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2)
    return fixed + extra + struct.pack(">HH", 0xFFFF, 0)


def external_mov(path: Path, film: bytes, kind: str, target: str) -> None:
    """Write a film whose samples are said to lie elsewhere. ``film``: mov, its index at the end."""
    if kind == "alias":
        body = b"alis" + bytes(4) + _alias(target)
    else:
        body = kind.encode().ljust(4) + bytes(4) + target.encode() + b"\0"
    entry = struct.pack(">I", len(body) + 4) + body
    # The first reference in the file is that of the pictures.
    at = film.index(b"dref", film.index(b"moov")) + 12
    (size,) = struct.unpack_from(">I", film, at)
    around = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    path.write_bytes(_grown(film, at, size, entry, around))


def _ebml(identifier: str, content: bytes) -> bytes:
    return bytes.fromhex(identifier) + struct.pack(">Q", len(content) | 1 << 56) + content


def linked_mkv(path: Path, film: bytes) -> None:
    """Write a Matroska film that says it goes on in another, and that its chapter is in one."""
    info = _ebml("3EB923", bytes(range(16))) + _ebml("3E83BB", b"canary.mkv")
    info += _ebml("3C83AB", b"canary.mkv") + _ebml("7384", b"canary.mkv")
    chapter = _ebml("73C4", b"\1") + _ebml("91", b"\0") + _ebml("6E67", bytes(range(16)))
    chapters = _ebml("45B9", _ebml("45BC", b"\1") + _ebml("45DD", b"\1") + _ebml("B6", chapter))
    head = film.index(bytes.fromhex("18538067"))
    assert film[head + 4] == 1  # eight bytes of length
    (length,) = struct.unpack_from(">Q", film, head + 4)
    added = _ebml("1549A966", info) + _ebml("1043A770", chapters)
    body = film[head + 12 :]
    size = struct.pack(">Q", length + len(added))
    path.write_bytes(film[: head + 4] + size + added + body)


def gab2_avi(path: Path, text: bytes) -> None:
    """Write an AVI whose second stream is said to be subtitles, and is a playlist."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=1", "-f", "lavfi", "-i", "sine=440:d=1",
           "-c:v", "mpeg4", "-c:a", "pcm_s16le", path)  # fmt: skip
    film = bytearray(path.read_bytes())
    at = film.index(b"auds")
    film[at : at + 4] = b"txts"
    chunk = film.index(b"01wb", film.index(b"movi"))
    (size,) = struct.unpack_from("<I", film, chunk + 4)
    gab2 = b"GAB2\0" + struct.pack("<HIHI", 2, 0, 4, len(text)) + text
    assert len(gab2) <= size
    film[chunk + 8 : chunk + 8 + len(gab2)] = gab2
    path.write_bytes(film)


def laughs() -> str:
    """A document of a kilobyte that would be gigabytes if its entities were expanded."""
    rows = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return (
        '<!DOCTYPE movie [<!ENTITY l0 "ha">'
        + "".join(rows)
        + "]><movie><title>&l9;</title></movie>"
    )


SIDECARS = {
    "srt": (".srt", '1\n00:00:00,000 --> 00:00:01,000\n<img src="{http}/a.png">Ebb{{\\include '
            "canary.txt}}\n"),
    "vtt": (".vtt", "WEBVTT\n\nSTYLE\n@import url({http}/a.css);\n\n00:00.000 --> 00:01.000\n"
            "<c.x>Ebb</c> <a href={http}>\n"),
    "ass": (".ass", "[Script Info]\nScriptType: v4.00+\n[Aegisub Project Garbage]\nAudio File: "
            "canary.mp4\nVideo File: {http}/a.mp4\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: "
            "Default,canary.ttf\n[Fonts]\nfontname: canary.ttf\n[Events]\nFormat: Layer, Start, "
            "End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:00.00,"
            "0:00:01.00,Default,,0,0,0,,{{\\img(canary.png)}}Ebb\n"),
    "srt that is a playlist": (".srt", "#EXTM3U\n#EXTINF:9,\n{http}/a.ts\ncanary.ts\n"),
    "nfo with an external entity": (".nfo", '<?xml version="1.0"?><!DOCTYPE movie [<!ENTITY x '
            'SYSTEM "canary.txt"><!ENTITY y SYSTEM "{http}/a">]><movie><title>&x;&y;'
            "</title></movie>"),
    "nfo with an external document type": (".nfo", '<!DOCTYPE movie SYSTEM "{http}/a.dtd">'
            "<movie><title>Ebb</title></movie>"),
    "nfo that includes": (".nfo", '<movie xmlns:xi="http://www.w3.org/2001/XInclude"><title>Ebb'
            '<xi:include href="canary.txt" parse="text"/></title><thumb>{http}/a.jpg</thumb>'
            "</movie>"),
    "nfo that laughs": (".nfo", laughs().replace("{", "{{").replace("}", "}}")),
    "nfo of an address": (".nfo", "{http}/title/tt1\n"),
    "info.json": (".info.json", '{{"title": "Ebb", "webpage_url": "{http}/watch", "thumbnail": '
            '"{http}/a.jpg", "url": "{http}/a.mp4", "_filename": "canary.mp4", "requested_formats"'
            ': [{{"url": "{http}/v"}}], "subtitles": {{"en": [{{"url": "{http}/a.vtt"}}]}}}}'),
    "txt": (".txt", "@canary.txt\n!include canary.txt\n![x]({http}/a.png)\n"),
}  # fmt: skip
"""Suffix and text of a file beside ``film.mp4``; braces are doubled."""


def film_of(path: Path) -> bytes:
    """Make a film of a second, and return what is in it."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=1", "-c:v", "libx264", "-preset",
           "ultrafast", "-pix_fmt", "yuv420p", path)  # fmt: skip
    return path.read_bytes()
