"""The host on Linux, read from /proc and /sys alone: processor, memory, control group, container, virtual machine.

psutil would cost 17 ms to import and knows neither control groups nor containers.
"""

from __future__ import annotations

from modelpick.hardware import cpu_names
from modelpick.hardware.cgroup import Limits
from modelpick.hardware.interface import Cpu, MemoryPool, System
from modelpick.hardware.pci import on_wsl
from modelpick.hardware.probe import Probe, listed

_CPUS = "/sys/devices/system/cpu"
_ARCHITECTURES = {"arm64": "aarch64", "amd64": "x86_64", "AMD64": "x86_64", "ARM64": "aarch64"}


def architecture(probe: Probe, cpuinfo: dict[str, str]) -> str:
    """``x86_64``, ``aarch64`` ...; from what /proc/cpuinfo looks like where it is a fixture."""
    if "flags" in cpuinfo:
        return "x86_64"
    if "CPU implementer" in cpuinfo:
        return "aarch64" if cpuinfo.get("CPU architecture", "8") == "8" else "arm"
    import os

    machine = os.uname().machine if hasattr(os, "uname") else "unknown"
    return _ARCHITECTURES.get(machine, machine)


def cpu(probe: Probe, limits: Limits) -> Cpu:
    """The processor, and how much of it this process may use."""
    info = _first_processor(probe)
    kind = architecture(probe, info)
    logical = listed(probe.read(f"{_CPUS}/online", "cpu"))
    sockets, physical = _topology(probe, info, logical)
    allowed = listed(_status(probe).get("Cpus_allowed_list")) or logical or 1
    share = min(1.0, allowed / logical) if logical else 1.0
    usable = float(physical or logical or allowed) * share
    if limits.cpus is not None:
        probe.reading("cpu", "processor time", limits.cpus, "control group's quota")
        usable = min(usable, limits.cpus)
    nodes = [name for name in probe.entries("/sys/devices/system/node") if name[4:].isdigit()]
    if sockets and kind == "aarch64":  # a Jetson's kernel calls each cluster of cores a package
        sockets = min(sockets, len(nodes) or 1)
    return Cpu(
        name=_name(probe, info),
        architecture=kind,
        sockets=sockets,
        physical_cores=physical,
        logical_cores=logical,
        usable_cores=usable,
        features=cpu_names.features(info.get("flags") or info.get("Features") or ""),
        numa_nodes=len(nodes) or None,
    )


def memory(probe: Probe, limits: Limits) -> tuple[MemoryPool, int | None, int | None]:
    """The host pool as the control group leaves it, then what is built in, then swap; bytes."""
    info = _meminfo(probe)
    total, free, swap = info.get("MemTotal"), info.get("MemAvailable"), info.get("SwapTotal")
    effective, available = total, free
    if limits.memory_bytes is not None and (total is None or limits.memory_bytes < total):
        effective = limits.memory_bytes
        probe.reading("memory", "control group's limit", limits.memory_bytes, "less than what is built in")
    if limits.memory_free_bytes is not None:
        available = limits.memory_free_bytes if free is None else min(free, limits.memory_free_bytes)
    return MemoryPool("host", effective, available), total, swap


def system(probe: Probe, swap: int | None, total: int | None) -> System:
    """The operating system, and what stands between it and the machine."""
    wsl = on_wsl(probe)
    return System(
        os="linux",
        os_version=_os_version(probe),
        container=_container(probe),
        virtual_machine="wsl" if wsl else virtual_machine(probe),
        wsl=wsl,
        swap_total_bytes=swap,
        physical_memory_bytes=total,
    )


def board(probe: Probe) -> str | None:
    """A single-board computer's model, such as ``Raspberry Pi 5 Model B Rev 1.0``."""
    model = probe.read("/proc/device-tree/model", "os")
    return model.rstrip("\0") if model else None


def virtual_machine(probe: Probe) -> str | None:
    """The hypervisor's name, ``unnamed`` where only the processor's flag tells of one, or None."""
    vendor = probe.read("/sys/class/dmi/id/sys_vendor", "os") or ""
    product = probe.read("/sys/class/dmi/id/product_name", "os") or ""
    known = (
        ("QEMU", "qemu"), ("KVM", "kvm"), ("VMware", "vmware"), ("VirtualBox", "virtualbox"), ("Xen", "xen"),
        ("Virtual Machine", "hyper-v"), ("Google Compute Engine", "google"), ("OpenStack", "openstack"),
        ("Parallels", "parallels"), ("Apple Virtualization", "apple"),
    )  # fmt: skip
    for mark, name in known:
        if mark in product or mark in vendor:
            return name
    if "Amazon EC2" in vendor and ".metal" not in product:
        return "amazon"
    if "hypervisor" in _first_processor(probe).get("flags", "").split():
        return probe.read("/sys/hypervisor/type", "os") or "unnamed"
    return None


def _first_processor(probe: Probe) -> dict[str, str]:
    """The keys of /proc/cpuinfo's first block and, on ARM boards, of what stands after the last.

    Only the first 8 KiB: the kernel writes the rest processor by processor, which takes long with 256 of them.
    """
    text = (probe.read_bytes("/proc/cpuinfo", 8192) or b"").decode("utf-8", "replace")
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _name(probe: Probe, info: dict[str, str]) -> str | None:
    if "CPU part" in info:
        return cpu_names.arm_core(info.get("CPU implementer", ""), info["CPU part"]) or info.get("model name")
    name = info.get("model name") or info.get("Model") or info.get("cpu")
    return " ".join(name.replace("(R)", "").replace("(TM)", "").split()) if name else None


def _topology(probe: Probe, info: dict[str, str], logical: int | None) -> tuple[int | None, int | None]:
    """Sockets and physical cores, from processor 0 and the assumption that all sockets are alike."""
    here = f"{_CPUS}/cpu0/topology"
    in_socket = listed(probe.read(f"{here}/package_cpus_list", "cpu")) or listed(
        probe.read(f"{here}/core_siblings_list", "cpu")
    )
    threads = listed(probe.read(f"{here}/core_cpus_list", "cpu")) or listed(
        probe.read(f"{here}/thread_siblings_list", "cpu")
    )
    if in_socket is None and info.get("siblings", "").isdigit():
        in_socket = int(info["siblings"])
    if not logical or not in_socket:
        return None, logical if not threads else max(1, (logical or 1) // threads)
    sockets = max(1, round(logical / in_socket))
    if info.get("cpu cores", "").isdigit():  # right for hybrid processors, where only some cores have two threads
        return sockets, min(logical, sockets * int(info["cpu cores"]))
    return sockets, max(1, logical // (threads or 1))


def _status(probe: Probe) -> dict[str, str]:
    lines = (probe.read_bytes("/proc/self/status") or b"").decode("utf-8", "replace").splitlines()
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    probe.reading("cpu", "/proc/self/status", fields.get("Cpus_allowed_list"), "processors this process may use")
    return fields


def _meminfo(probe: Probe) -> dict[str, int]:
    """Bytes by name; values that are no sizes are left out."""
    sizes: dict[str, int] = {}
    for line in (probe.read("/proc/meminfo", "memory") or "").splitlines():
        name, _, value = line.partition(":")
        number = value.split()[0] if value.split() else ""
        if number.isdigit():
            sizes[name] = int(number) * 1024
    return sizes


def _os_version(probe: Probe) -> str | None:
    for line in (probe.read("/etc/os-release", "os") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return probe.read("/proc/sys/kernel/osrelease", "os")


def _container(probe: Probe) -> str | None:
    """What kind of container this is; another process's environment is not looked at to tell."""
    if "KUBERNETES_SERVICE_HOST" in probe.environ:
        return "kubernetes"
    if probe.exists("/.dockerenv"):
        return "docker"
    if probe.exists("/run/.containerenv"):
        return "podman"
    groups = probe.read("/proc/self/cgroup", "os") or ""
    for mark, name in (("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc")):
        if mark in groups:
            return name
    return probe.environ.get("container") or None
