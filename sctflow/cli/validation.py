"""Validation of the input dataset by the BIDS validator, where it is installed."""

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from ..errors import DatasetError

VALIDATOR = "bids-validator-deno"
SHOWN = 5
SKIP = "Correct the dataset, or add --skip-bids-validation to process it as it is."

logger = logging.getLogger("sctflow")


def start_validator(bids_dir: Path) -> subprocess.Popen | None:
    """Start the validator, to work while the dataset is indexed; None where there is none."""
    # Beside this Python first: the environment's folder need not be on the path.
    program = shutil.which(VALIDATOR, path=str(Path(sys.executable).parent))
    program = program or shutil.which(VALIDATOR)
    if program is None:
        logger.info(
            "The BIDS validator is not installed (pip install 'sctflow[validate]'): only file "
            "names were checked."
        )
        return None
    # Images are read and judged when it is their turn: a broken one stops nothing but itself.
    options = ["--json", "--ignoreWarnings", "--ignoreNiftiHeaders"]
    return subprocess.Popen(
        [program, str(bids_dir), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def check_validation(
    process: subprocess.Popen, bids_dir: Path, participants: Collection[str]
) -> None:
    """Wait for the validator and judge what it found.

    Parameters
    ----------
    process
        From `start_validator`.
    bids_dir
        The dataset.
    participants
        Labels that will be processed; errors in files of others do not count.

    Raises
    ------
    DatasetError
        There are errors; the message has the first of them.
    """
    output, complaints = process.communicate()
    try:
        issues = json.loads(output)["issues"]
    except (ValueError, KeyError):
        text = complaints.decode("utf-8", "replace").strip()
        logger.warning("The BIDS validator did not work, only file names were checked: %s", text)
        return
    errors = list(_errors(issues, participants))
    if errors:
        more = f"\n  and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        lines = "".join(f"\n  {error}" for error in errors[:SHOWN])
        raise DatasetError(f"{bids_dir}: the dataset is not valid BIDS:{lines}{more}\n{SKIP}")


def _errors(issues: dict, participants: Collection[str]) -> Iterator[str]:
    codes = issues.get("codeMessages", {})
    for issue in issues.get("issues", []):
        location = issue.get("location", "")
        folder = location.lstrip("/").partition("/")[0]
        others = folder.startswith("sub-") and folder.removeprefix("sub-") not in participants
        if issue.get("severity") != "error" or others:
            continue
        text = issue.get("issueMessage") or codes.get(issue["code"], "")
        code = " ".join(filter(None, (issue["code"], issue.get("subCode"))))
        sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")
        yield f"{location or 'dataset'}: {code}" + (f" ({sentence})" if sentence else "")
