"""Colours, type and output of the figures, the same for all of them.

Figures are drawn with Matplotlib's object interface (no ``pyplot``, no global state left behind)
and written as small SVG files: text as text, images as JPEG, because a report of many images must
still open at once.
"""

import base64
import io
import re

INK = "#1f2933"
MUTED = "#66727f"
RULE = "#d9dfe5"
BACKDROP = "#0b0e11"
PAPER = "#ffffff"
LABEL = "#e6ebf0"

# Okabe & Ito's palette, lightened for thin lines on dark images: told apart by colour-blind eyes.
CONFIDENT = "#35d0ff"
DOUBTFUL = "#ffb000"
LOW = "#ff5a4f"
CENTERLINE = "#ffe14d"

# The same three on white paper, where the light ones would vanish.
CONFIDENT_ON_PAPER = "#0072b2"
DOUBTFUL_ON_PAPER = "#c77700"
LOW_ON_PAPER = "#c8321f"

CONFIDENCE_LIMITS = (0.5, 0.8)
"""Below the first a slice is of low confidence, below the second it is doubtful."""

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10.0,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "svg.fonttype": "none",
    "svg.hashsalt": "sctflow",
}

_FONTS = "'DejaVu Sans', Verdana, 'Helvetica Neue', Arial, sans-serif"

_CSS = (
    'g[id^="overlay"]{transition:opacity .15s}svg:hover g[id^="overlay"]{opacity:0}'
    f'g[id^="mark"] text{{paint-order:stroke;stroke:{BACKDROP};stroke-width:2.4px;'
    "stroke-linejoin:round}"
)
"""What carries the mask disappears under the pointer; text on an image has a dark rim."""


def confidence_class(confidence: float | None) -> str:
    """Name a confidence in [0, 1]: ``"confident"``, ``"doubtful"`` or ``"low"``.

    A slice without a confidence (a mask drawn by hand) is ``"confident"``.
    """
    if confidence is None or confidence != confidence:
        return "confident"
    low, doubtful = CONFIDENCE_LIMITS
    if confidence < low:
        return "low"
    return "doubtful" if confidence < doubtful else "confident"


def confidence_colour(confidence: float | None, *, on_paper: bool = False) -> str:
    """Colour of a slice by its confidence in [0, 1]; ``on_paper`` for a white background."""
    dark = {"confident": CONFIDENT, "doubtful": DOUBTFUL, "low": LOW}
    paper = {
        "confident": CONFIDENT_ON_PAPER,
        "doubtful": DOUBTFUL_ON_PAPER,
        "low": LOW_ON_PAPER,
    }
    return (paper if on_paper else dark)[confidence_class(confidence)]


def styled():
    """Context within which figures are drawn and saved."""
    import matplotlib

    return matplotlib.rc_context(_RC)


def new_figure(width: float, height: float, *, facecolor: str = PAPER):
    """Empty Matplotlib figure of ``width`` × ``height`` inches that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, facecolor=facecolor)


def to_svg(figure, *, label: str) -> str:
    """Serialise a figure as SVG text, the same bytes for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Artists whose ``gid`` starts with ``overlay`` disappear while the pointer is over the
        figure, so that the image below them can be judged; texts whose ``gid`` starts with
        ``mark`` get a dark rim.
    label : str
        What is to be seen, for those who cannot see it (``aria-label``).

    Returns
    -------
    str
        SVG without declaration, width and height: it takes the width it is given.
    """
    from html import escape

    buffer = io.BytesIO()
    with styled():
        figure.savefig(
            buffer,
            format="svg",
            facecolor=figure.get_facecolor(),
            metadata={"Date": None, "Creator": None},
        )
    text = buffer.getvalue().decode("utf-8")
    root = text.index("<svg")
    end = text.index(">", root) + 1
    tag = re.sub(r' (?:width|height)="[^"]*"', "", " ".join(text[root:end].split()))
    tag = tag[:-1] + f' role="img" aria-label="{escape(label)}">'
    body = text[end:].replace("'DejaVu Sans'", _FONTS)
    body = re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", _as_jpeg, body)
    return f"{tag}<style>{_CSS}</style>" + body.strip() + "\n"


def _as_jpeg(match: re.Match) -> str:
    """Replace an embedded PNG by a JPEG: a fifth of the size, no difference to the eye."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(match.group(1)))).convert("RGB")
    red, green, blue = (band.tobytes() for band in image.split())
    if red == green == blue:
        image = image.convert("L")
    buffer = io.BytesIO()
    # Colours are kept as fine as brightness: a map's voxels are few pixels wide.
    image.save(buffer, format="JPEG", quality=90, optimize=True, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
