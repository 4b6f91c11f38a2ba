"""What a decoder may open: one regular file that contains its own frames.

A playlist is a text that names other files or addresses. FFmpeg recognises one by its content,
whatever its suffix is, and opens what it names. Footage of unknown origin must not decide what is
opened, so that playlists are refused, and so are pipes, devices and sockets.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from selfvid.data.video.reader import DecodeError

# FFmpeg's names of the formats that contain their own frames. FFmpeg refuses a file of another
# format before it reads the header: concat, hls, dash, imf and sdp open further sources.
FORMATS = (
    "3dostr,4xm,aa,aac,ac3,aiff,amr,amv,anm,ape,apng,asf,au,av1,avi,avif,avs,avs2,avs3,bink,"
    "bmp_pipe,caf,cavsvideo,cdxl,cine,dirac,dnxhd,dts,dv,ea,eac3,evc,film_cpk,flac,flic,flv,"
    "gif,gif_pipe,gxf,h261,h263,h264,hevc,ico,ivf,jpeg_pipe,jpegls_pipe,jv,kux,live_flv,"
    "lmlm4,m4v,matroska,mjpeg,mjpeg_2000,mlv,mm,moflex,mov,mp3,mp4,mpeg,mpegts,mpegtsraw,"
    "mpegvideo,mpjpeg,mtv,mv,mxf,mxg,nsv,nut,nuv,obu,ogg,paf,pam_pipe,pbm_pipe,pgm_pipe,"
    "pgmyuv_pipe,png_pipe,pmp,ppm_pipe,pva,r3d,rl2,rm,roq,rpl,ser,siff,smjpeg,smk,swf,"
    "tiff_pipe,truehd,tta,ty,usm,vc1,vc1test,vividas,vivo,vmd,vvc,w64,wav,webm,webp_pipe,wtv,"
    "wv,xmv,yop,yuv4mpegpipe"
)
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}

MOST_PIXELS = 50_000_000  # of a frame; 8K video has 33 million

_HEAD = 4096  # bytes in which FFmpeg's playlists announce themselves
_TEXT = 64  # bytes that no video begins with if all of them are text
_RAW = (b"YUV4MPEG2", b"--")  # raw video and streams of JPEG begin with a header of text
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<MPD", b"c=IN IP", b"#EXT-X-")


def source_name(path: str | Path) -> str:
    """Return the name by which FFmpeg opens exactly the file `path`.

    The name is absolute: FFmpeg takes "cam10:20.mp4" for an address of the protocol "cam10".

    Raises:
        DecodeError: If the path is not a regular file, or if the file is a playlist or another
            text.
    """
    require_regular(path)
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened: {error.strerror}") from None
    if _is_playlist(head):
        cause = "is a text, such as a playlist, which names other files; expected a video"
        raise DecodeError(str(path), cause)
    return str(Path(path).absolute())


def require_regular(path: str | Path) -> None:
    """Raise a DecodeError unless `path` is a regular file; a pipe would be waited for for ever."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise DecodeError(str(path), f"cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise DecodeError(str(path), "is not a regular file; expected no pipe, device or folder")


def require_few_pixels(path: str | Path, context: Any) -> None:
    """Raise a DecodeError if frames need gigabytes of memory, as a file of a few bytes may claim.

    Args:
        path: the file.
        context: PyAV's codec context of its video stream.
    """
    width, height = context.width, context.height
    if width * height > MOST_PIXELS:
        cause = f"has frames of {width}x{height}; expected at most {MOST_PIXELS:,} pixels"
        raise DecodeError(str(path), cause)


def _is_playlist(head: bytes) -> bool:
    """Return whether the beginning of a file is text, or has a playlist's mark before any zero."""
    before_zero = head.split(b"\0", 1)[0]
    if any(mark in before_zero for mark in _PLAYLISTS):
        return True
    start = head[:_TEXT].removeprefix(b"\xef\xbb\xbf")  # the byte order mark of UTF-8
    is_text = all(byte >= 32 or byte in b"\t\n\v\f\r" for byte in start) and start.isascii()
    return bool(start) and is_text and not start.startswith(_RAW)
