"""Running the graph: Nipype's configuration, the plugin, and what to do when it is stopped."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..settings import Settings
from .environment import available_cpus
from .log import LOG_NAME
from .resources import ResourceRecord, usable_memory_gb

if TYPE_CHECKING:
    from nipype.pipeline.engine import Workflow

POLL_SECONDS = 0.02
"""Nipype looks for finished steps this often; its own 2 s would cost more than the steps do."""


def nipype_config(settings: Settings, crash_dir: Path) -> dict[str, dict[str, str]]:
    """Nipype's configuration for one run.

    Hashes are of content, so that a step is repeated when its data changed and not when the
    data was merely copied.
    """
    return {
        "execution": {
            "check_version": "false",
            "crashdump_dir": str(crash_dir),
            "crashfile_format": "txt",
            "create_report": "false",
            "hash_method": "content",
            "keep_inputs": str(settings.debug).lower(),
            "poll_sleep_duration": str(POLL_SECONDS),
            "remove_unnecessary_outputs": str(not settings.debug).lower(),
            "stop_on_first_crash": str(settings.stop_on_first_crash).lower(),
        }
    }


def count_steps(workflow: "Workflow") -> int:
    """Count the nodes that will run (those that only pass values on do not)."""
    from nipype.interfaces.utility import IdentityInterface
    from nipype.pipeline.engine import Workflow

    total = 0
    for node in workflow._graph.nodes():
        if isinstance(node, Workflow):
            total += count_steps(node)
        elif not isinstance(node.interface, IdentityInterface):
            total += 1
    return total


def plugin_choice(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Name of the Nipype plugin and its arguments, from ``--use-plugin`` and the limits.

    Raises
    ------
    SettingsError
        The YAML file does not describe a plugin.
    """
    arguments: dict[str, Any] = {
        "n_procs": settings.nprocs or available_cpus(),
        "raise_insufficient": False,
    }
    if settings.mem is not None:
        arguments["memory_gb"] = settings.mem
    elif (usable := usable_memory_gb()) < float("inf"):
        arguments["memory_gb"] = 0.9 * usable
    chosen = settings.use_plugin or "MultiProc"
    if not Path(chosen).suffix:
        return _known_plugin(chosen, "--use-plugin"), arguments
    import yaml

    try:
        content = yaml.safe_load(Path(chosen).read_text("utf-8"))
        name, given = content["plugin"], content.get("plugin_args") or {}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"{chosen}: does not describe a plugin ({type(error).__name__}: {error}); expected is "
            "plugin: NAME and, if needed, plugin_args: {...}"
        ) from error
    if not isinstance(given, Mapping):
        raise SettingsError(f"{chosen}: plugin_args must be a mapping")
    return _known_plugin(name, chosen), {**arguments, **given}


def run_workflow(
    workflow: "Workflow",
    settings: Settings,
    *,
    folder: Path,
    callback: Callable[[Any, str], None],
    record: ResourceRecord | None = None,
) -> None:
    """Run the graph and wait for it; no worker outlives this call.

    Parameters
    ----------
    workflow
        The graph, with its configuration.
    settings
        Limits, plugin and seed.
    folder
        The run's folder, for the log.
    callback
        Called with a node and ``start``, ``end`` or ``exception``.
    record
        Where to note what the steps took; only the steps of this program's own workers are.
    """
    from .multiproc import WorkersPlugin

    name, arguments = plugin_choice(settings)
    arguments["status_callback"] = callback
    if name != "MultiProc":
        workflow.run(plugin=name, plugin_args=arguments)
        return
    arguments |= {
        "low_mem": settings.low_mem,
        "random_seed": settings.random_seed,
        "log_file": folder / LOG_NAME,
        "detailed_log": settings.debug or settings.verbose > 2,
        "record": record.add if record else None,
    }
    plugin = WorkersPlugin(arguments)
    try:
        workflow.run(plugin=plugin)
    finally:
        plugin.terminate()


def _known_plugin(name: str, source: str) -> str:
    from nipype.pipeline import plugins

    known = [item.removesuffix("Plugin") for item in dir(plugins) if item.endswith("Plugin")]
    if name not in known:
        raise SettingsError(f"{source}: Nipype has no plugin {name!r}; it has {', '.join(known)}")
    return name
