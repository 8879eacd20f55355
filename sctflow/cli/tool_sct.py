"""Where users of the Spinal Cord Toolbox (SCT) find what they know, by SCT's names."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Match:
    """What does here what a command of SCT does.

    Attributes
    ----------
    command
        The command here.
    options
        Options by their names in SCT.
    note
        What is different.
    """

    command: str
    options: dict[str, str] = field(default_factory=dict)
    note: str = ""


TOOLS_OF_SCT = {
    "sct_deepseg": Match(
        "sctflow-tool segment-cord",
        {"-i": "--in-file", "-o": "--out-mask-file"},
        "the task spinalcord; other tasks: not yet",
    ),
    "sct_deepseg_sc": Match(
        "sctflow-tool segment-cord",
        {"-i": "--in-file", "-o": "--out-mask-file"},
        "there is no contrast to choose",
    ),
    "sct_propseg": Match(
        "sctflow-tool segment-cord",
        {"-i": "--in-file", "-o": "--out-mask-file"},
        "there is no contrast to choose",
    ),
    "sct_get_centerline": Match(
        "sctflow-tool fit-centerline",
        {"-i": "--mask-file", "-centerline-algo": "--method", "-o": "--out-mask"},
        "from a mask, as with -method fitseg",
    ),
    "sct_process_segmentation": Match(
        "sctflow-tool measure-slices",
        {"-i": "--mask-file", "-o": "--out-table", "-centerline": "--centerline-file"},
        "one row per slice, always corrected for the angle",
    ),
    "sct_process_segmentation -perlevel": Match(
        "sctflow-tool assign-levels",
        {"-i": "--mask-file", "-discfile": "--discs-file", "-o": "--out-perlevel-file"},
    ),
    "sct_process_segmentation -pmj": Match(
        "sctflow-tool measure-by-distance",
        {"-pmj": "--pmj-file", "-pmj-distance": "--distances", "-pmj-extent": "--extent"},
        "takes the tables of measure-slices and fit-centerline",
    ),
    "sct_process_segmentation -normalize-PAM50": Match(
        "sctflow-tool normalize-morphometry",
        {"-o": "--out-table"},
        "takes the table of measure-slices",
    ),
    "sct_label_vertebrae": Match(
        "sctflow-tool label-discs",
        {"-i": "--in-file", "-s": "--mask-file", "-initcenter": "--init"},
        "-initz is --init with --init-slice; what was found may stay unnamed",
    ),
    "sct_label_vertebrae -discfile": Match(
        "sctflow-tool assign-levels",
        {"-s": "--mask-file", "-discfile": "--discs-file"},
    ),
    "sct_detect_pmj": Match(
        "sctflow-tool label-discs",
        {"-i": "--in-file", "-s": "--mask-file"},
        "value 50 among the discs, where it was found",
    ),
    "sct_label_utils -create": Match(
        "sctflow-tool create-labels",
        {"-i": "--reference-file", "-create": "--points", "-create-add": "--add --points"},
        "points are separated by spaces, not by colons",
    ),
    "sct_label_utils -create-seg": Match(
        "sctflow-tool label-cord",
        {"-i": "--mask-file", "-create-seg": "--places", "-create-seg-mid": "--middle"},
    ),
    "sct_label_utils -display": Match("sctflow-tool list-labels", {"-i": "--labels-file"}),
    "sct_label_utils -keep": Match(
        "sctflow-tool select-labels",
        {
            "-i": "--labels-file",
            "-keep": "--keep",
            "-remove": "--remove",
            "-remove-reference": "--like-file",
        },
    ),
    "sct_label_utils -increment": Match(
        "sctflow-tool renumber-labels",
        {"-i": "--labels-file"},
        "adds a number to all; -increment counts the labels anew from the top",
    ),
    "sct_label_utils -cubic-to-point": Match(
        "sctflow-tool resize-labels", {"-i": "--labels-file"}
    ),
    "sct_label_utils -project-centerline": Match(
        "sctflow-tool project-labels",
        {"-i": "--labels-file", "-project-centerline": "--mask-file"},
    ),
    "sct_label_utils -vert-body": Match(
        "sctflow-tool label-vertebral-bodies",
        {"-i": "--labels-file"},
        "for all discs",
    ),
    "sct_straighten_spinalcord": Match(
        "sctflow-tool straighten-cord",
        {
            "-i": "--in-file",
            "-s": "--mask-file",
            "-o": "--out-file",
            "-x": "--interpolation",
            "-xy-size": "--half-width-mm",
        },
        "--half-width-mm is half of -xy-size",
    ),
    "sct_smooth_spinalcord": Match(
        "sctflow-tool smooth-along-cord",
        {"-i": "--in-file", "-s": "--mask-file", "-smooth": "--sigma-mm", "-o": "--out-file"},
        "along the cord only",
    ),
    "sct_apply_transfo": Match(
        "sctflow-tool apply-transforms",
        {
            "-i": "--in-file",
            "-d": "--reference-file",
            "-w": "--transforms",
            "-winv": "--invert",
            "-x": "--interpolation",
            "-o": "--out-file",
        },
        "--transforms are in the order of antsApplyTransforms, that is the reverse of -w; "
        "--invert takes places in the list; nn is nearest; points for labels of single voxels",
    ),
    "sct_concat_transfo": Match(
        "sctflow-tool concatenate-transforms",
        {"-d": "--reference-file", "-w": "--transforms", "-winv": "--invert", "-o": "--out-file"},
        "--transforms are in the order of antsApplyTransforms, that is the reverse of -w",
    ),
    "sct_image": Match(
        "sctflow-tool convert-to-fsl",
        {"-i": "--transforms", "-to-fsl": "--in-file --reference-file"},
        "-to-fsl only",
    ),
    "sct_register_to_template": Match(
        "sctflow-tool register-to-template",
        {
            "-i": "--in-file",
            "-s": "--mask-file",
            "-l, -ldisc": "--labels-file",
            "-lspinal": "--labels-file --label-kind",
            "-lrootlet": "--labels-file --label-kind",
            "-t": "--template",
            "-ref": "--reference",
            "-param": "--steps",
            "-c": "--contrast",
            "-ofolder": "--out-dir",
        },
        "mask and labels are enough, -i and -c are for steps that match images; the image itself "
        "is brought by image-to-template",
    ),
    "sct_register_multimodal": Match(
        "sctflow-tool register-images",
        {
            "-i": "--in-file",
            "-d": "--reference-file",
            "-iseg": "--in-mask",
            "-dseg": "--reference-mask",
            "-ilabel": "--in-labels",
            "-dlabel": "--reference-labels",
            "-m": "--region-file",
            "-param": "--steps",
            "-initwarp": "--initial-transforms",
            "-initwarpinv": "--initial-inverse-transforms",
            "-x": "--interpolation",
            "-o": "--out-file",
            "-owarp": "--out-warp-forward",
            "-owarpinv": "--out-warp-backward",
        },
        "the result stays within the slices of the reference; -identity is no steps",
    ),
    "sct_warp_template": Match(
        "sctflow-tool warp-template",
        {
            "-d": "--reference-file",
            "-w": "--transforms",
            "-t": "--template",
            "-ofolder": "--out-dir",
        },
    ),
    "sct_extract_metric": Match(
        "sctflow-tool measure-regions",
        {
            "-i": "--in-file",
            "-f": "--region-files --regions-table",
            "-method": "--methods",
            "-z": "--slices",
            "-vert": "--levels",
            "-vertfile": "--levels-file",
            "-perslice, -perlevel": "--by",
            "-o": "--out-table",
        },
        "all regions at once, one row each",
    ),
    "sct_compute_mtr": Match(
        "sctflow-tool compute-mtr",
        {"-mt1": "--on-file", "-mt0": "--off-file", "-o": "--out-file"},
    ),
    "sct_compute_mtsat": Match(
        "sctflow-tool compute-mtsat",
        {
            "-mt": "--mt-file",
            "-pd": "--pd-file",
            "-t1": "--t1-file",
            "-trmt, -trpd, -trt1": "--repetition-times",
            "-famt, -fapd, -fat1": "--flip-angles",
            "-b1map": "--b1-file",
            "-omtsat": "--out-mtsat-file",
            "-ot1map": "--out-t1-file",
        },
    ),
    "sct_compute_snr": Match(
        "sctflow-tool compute-snr", {"-i": "--in-file", "-m": "--mask-file"}, "-method mult only"
    ),
    "sct_fmri_compute_tsnr": Match(
        "sctflow-tool compute-tsnr", {"-i": "--in-file", "-m": "--mask-file", "-o": "--out-file"}
    ),
    "sct_maths -mean t": Match("sctflow-tool average-volumes", {"-i": "--in-file"}),
    "sct_create_mask": Match(
        "sctflow-tool create-mask",
        {
            "-i": "--in-file",
            "-p coord": "--point",
            "-p point": "--label-file",
            "-p centerline": "--cord-file",
            "-f": "--kind",
            "-size": "--size-mm",
            "-o": "--out-file",
        },
        "--size-mm is in mm; without a place, around the middle of the image, as -p center",
    ),
    "sct_crop_image": Match(
        "sctflow-tool crop-image",
        {"-i": "--in-file", "-m": "--mask-file", "-dilate": "--margins-mm", "-o": "--out-file"},
        "around a mask, with margins in mm",
    ),
    "sct_flatten_sagittal": Match(
        "sctflow-tool flatten-sagittal",
        {"-i": "--in-file", "-s": "--mask-file"},
    ),
    "sct_dmri_compute_dti": Match(
        "sctflow-tool fit-dti",
        {
            "-i": "--in-file",
            "-bval": "--bval-file",
            "-bvec": "--bvec-file",
            "-method": "--method",
            "-m": "--mask-file",
        },
        "standard is wls",
    ),
    "sct_dmri_separate_b0_and_dwi": Match(
        "sctflow-tool separate-b0",
        {
            "-i": "--in-file",
            "-bval": "--bval-file",
            "-bvec": "--bvec-file",
            "-bvalmin": "--b0-max",
            "-ofolder": "--out-dir",
        },
    ),
    "sct_dmri_denoise_patch2self": Match(
        "sctflow-tool denoise-dwi",
        {"-i": "--in-file", "-b": "--bval-file", "-model ols": "--method", "-o": "--out-file"},
        "the method is patch2self; about the cord, so that its mask is needed",
    ),
    "sct_fmri_moco": Match(
        "sctflow-tool correct-motion",
        {
            "-i": "--in-file",
            "-m": "--mask-file",
            "-g": "--groups",
            "-ref": "--reference-file",
            "-param poly": "--poly",
            "-x": "--interpolation",
            "-ofolder": "--out-dir",
        },
        "the mask is that of the cord itself, and nn is nearest",
    ),
    "sct_dmri_moco": Match(
        "sctflow-tool correct-dwi-motion",
        {
            "-i": "--in-file",
            "-m": "--mask-file",
            "-bval": "--bval-file",
            "-bvec": "--bvec-file",
            "-bvalmin": "--b0-max",
            "-g": "--groups",
            "-param poly": "--poly",
            "-x": "--interpolation",
            "-ofolder": "--out-dir",
        },
        "the mask is that of the cord itself, and nn is nearest",
    ),
    "sct_download_data": Match(
        "sctflow-data install", {"-d": "PAM50"}, "the networks ship with the program"
    ),
    "sct_run_batch": Match("sctflow", {"-jobs": "--nprocs"}, "all participants of a BIDS dataset"),
    "sct_qc": Match("sctflow", {}, "each participant gets a report"),
    "sct_version": Match("sctflow --version"),
}
