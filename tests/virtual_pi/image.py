"""Makes kernel, modules and disk of the virtual Pi, once; what is there already is used again.

Debian's kernel has no gpio-sim, so that is built from Debian's own source as one module outside the tree. The disk is a
debootstrapped Debian with systemd, the program installed from its lock file as the installation page says, and a board.
"""

import gzip
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).resolve().parent / "guest"
PACKAGES = ("qemu-system-x86", "debootstrap", "busybox-static", "cpio", "linux-source-6.1", "xz-utils", "kmod", "gcc", "make", "libelf1",
            "e2fsprogs", "rsync")
IN_GUEST = "systemd,systemd-sysv,udev,kmod,python3,python3-venv,ca-certificates,dbus,iproute2"
SUITE = "bookworm"
DISK_MIB = 1600
NOT_IN_GUEST = ("spidev",)
"""Needs a compiler, and the virtual Pi has no SPI."""
FOR_INITRAMFS = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
FOR_GUEST = ("virtio_net", "i2c_stub", "i2c_dev", "configfs", "softdog", "virtio_pci", "virtio_blk", "ext4")


class Impossible(Exception):
    """This machine cannot make or run the virtual Pi; the message says what is missing."""


def sh(*command: str | Path, cwd: Path | None = None, quiet: bool = True) -> str:
    """Run a command; its output. Raises Impossible that shows the end of what it said."""
    ended = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False,
                           env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
    if ended.returncode != 0:
        tail = (ended.stdout + ended.stderr)[-1500:]
        raise Impossible(f"`{' '.join(str(word) for word in command)}` failed with {ended.returncode}:\n{tail}")
    if not quiet:
        print(ended.stdout, end="")
    return ended.stdout


class Image:
    """Everything that a boot needs, below one cache folder."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.kernel = cache / "vmlinuz"
        self.initramfs = cache / "initramfs.gz"
        self.disk = cache / "disk.ext4"
        self._modules = cache / "kernel"

    def make(self, *, central_system_port: int) -> None:
        """Make what is missing, and a fresh disk that dials this port of the host. Raises Impossible."""
        if os.geteuid() != 0:
            raise Impossible("root is needed: the disk's files belong to root and other users; run it with sudo")
        self.cache.mkdir(parents=True, exist_ok=True)
        for what, made, act in (("host packages", self.cache / "packages", self._packages), ("kernel", self.kernel, self._kernel),
                                ("gpio-sim", self.cache / "gpio-sim.ko", self._gpio_sim),
                                ("initramfs", self.initramfs, self._initramfs),
                                ("Debian", self.cache / "debian" / "etc" / "debian_version", self._debian)):
            if not made.exists():
                print(f"virtual Pi: making {what} ...", flush=True)
                act()
        print("virtual Pi: installing the program into the disk ...", flush=True)
        self._install(central_system_port)
        self._pack()

    def _packages(self) -> None:
        if shutil.which("apt-get") is None:
            raise Impossible("apt-get is needed: the virtual Pi is made of Debian's packages")
        sh("apt-get", "-qq", "update")
        sh("apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES)
        headers = sh("apt-cache", "depends", "linux-headers-amd64").split("Depends: ")[1].split()[0]
        sh("apt-get", "-qq", "install", "-y", "--no-install-recommends", headers)
        (self.cache / "packages").write_text(headers)

    @property
    def release(self) -> str:
        """The kernel's release, as its modules' folder is named."""
        return (self.cache / "packages").read_text().removeprefix("linux-headers-")

    def _kernel(self) -> None:
        download = self.cache / "download"
        download.mkdir(exist_ok=True)
        sh("apt-get", "download", f"linux-image-{self.release}", cwd=download)
        (package,) = download.glob("*.deb")
        sh("dpkg-deb", "-x", package, self._modules)
        sh("depmod", "-b", self._modules, self.release)
        shutil.copy(self._modules / "boot" / f"vmlinuz-{self.release}", self.kernel)

    def _gpio_sim(self) -> None:
        """gpio-sim and the simulated interrupts that it needs, neither of which Debian's kernel has, as one module."""
        build = self.cache / "gpio-sim"
        build.mkdir(exist_ok=True)
        wanted = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "drivers/gpio/gpiolib-cdev.h", "kernel/irq/irq_sim.c")
        with tarfile.open("/usr/src/linux-source-6.1.tar.xz") as source:
            for member in source:
                if member.name.partition("/")[2] in wanted:
                    content = source.extractfile(member)
                    assert content is not None
                    (build / Path(member.name).name).write_bytes(content.read())
        simulated = build / "irq_sim.c"
        text = simulated.read_text().replace("handle_simple_irq(irq_to_desc(irqnum));", "generic_handle_irq(irqnum);")
        simulated.write_text("\n".join(line for line in text.splitlines() if not line.startswith("EXPORT_SYMBOL_GPL")) + "\n")
        (build / "Makefile").write_text("obj-m := evcp-gpio-sim.o\nevcp-gpio-sim-y := gpio-sim.o irq_sim.o\n"
                                        "ccflags-y := -DCONFIG_IRQ_SIM=1\n")
        sh("make", "-s", "-C", f"/usr/src/linux-headers-{self.release}", f"M={build}", "modules")
        shutil.copy(build / "evcp-gpio-sim.ko", self.cache / "gpio-sim.ko")

    def _needed(self, names: tuple[str, ...]) -> list[str]:
        """Module files with everything they depend on, dependencies first."""
        folder = self._modules / "lib" / "modules" / self.release
        depends: dict[str, tuple[str, list[str]]] = {}
        for line in (folder / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            depends[Path(path).name.split(".")[0].replace("-", "_")] = (path, rest.split())
        ordered: list[str] = []
        for name in names:
            path, others = depends.get(name, ("", []))
            ordered += [file for file in [*reversed(others), path] if file and file not in ordered]
        return ordered

    def _initramfs(self) -> None:
        """Busybox, the modules of the disk, and a script that hands over to systemd."""
        tree = self.cache / "initramfs"
        shutil.rmtree(tree, ignore_errors=True)
        for name in ("bin", "modules", "proc", "sys", "dev", "disk"):
            (tree / name).mkdir(parents=True)
        shutil.copy("/bin/busybox", tree / "bin" / "busybox")
        loads = []
        for file in self._needed(FOR_INITRAMFS):
            shutil.copy(self._modules / "lib" / "modules" / self.release / file, tree / "modules")
            loads.append(f"insmod /modules/{Path(file).name}")
        script = ["#!/bin/busybox sh", "/bin/busybox --install -s /bin", "export PATH=/bin", "mount -t proc proc /proc",
                  "mount -t sysfs sys /sys", "mount -t devtmpfs dev /dev", *loads, "while [ ! -b /dev/vda ]; do sleep 0.1; done",
                  "mount -t ext4 /dev/vda /disk", "mount --move /dev /disk/dev", "umount /proc /sys", "exec /bin/busybox switch_root /disk /lib/systemd/systemd"]
        (tree / "init").write_text("\n".join(script) + "\n")
        (tree / "init").chmod(0o755)
        files = subprocess.run(["find", ".", "-print0"], cwd=tree, capture_output=True, check=True).stdout
        archive = subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet"], cwd=tree, input=files, capture_output=True, check=True)
        self.initramfs.write_bytes(gzip.compress(archive.stdout, 6))

    # -- the disk ----------------------------------------------------------------------------------------------------

    @property
    def debian(self) -> Path:
        """The disk's files."""
        return self.cache / "debian"

    def _debian(self) -> None:
        shutil.rmtree(self.debian, ignore_errors=True)
        sh("debootstrap", "--variant=minbase", f"--include={IN_GUEST}", SUITE, self.debian)
        target = self.debian / "lib" / "modules" / self.release
        for file in self._needed(FOR_GUEST):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._modules / "lib" / "modules" / self.release / file, target / file)
        (target / "extra").mkdir(exist_ok=True)
        shutil.copy(self.cache / "gpio-sim.ko", target / "extra" / "evcp-gpio-sim.ko")
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(self._modules / "lib" / "modules" / self.release / name, target / name)
        sh("depmod", "-b", self.debian, self.release)
        self._environment()
        self._network()

    def _environment(self) -> None:
        """The program's environment, from the hardware lock."""
        lock = self.debian / "opt" / "hardware.lock"
        lock.write_text(without((ROOT / "locks" / "hardware.lock").read_text(), NOT_IN_GUEST))
        shutil.copy("/etc/resolv.conf", self.debian / "etc" / "resolv.conf")
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", self.debian / "etc" / "ssl" / "certs" / "ca-certificates.crt")
        sh("chroot", self.debian, "python3", "-m", "venv", "/opt/evcp")
        sh("chroot", self.debian, "/opt/evcp/bin/pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", "/opt/hardware.lock")

    def _network(self) -> None:
        folder = self.debian / "etc" / "systemd" / "network"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "10-wired.network").write_text("[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n")
        (self.debian / "etc" / "fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
        (self.debian / "etc" / "hostname").write_text("virtual-pi\n")
        sh("chroot", self.debian, "systemctl", "enable", "systemd-networkd")
        sh("chroot", self.debian, "sh", "-c", "groupadd --system gpio; groupadd --system i2c; groupadd --system spi; "
           "useradd --system --home-dir /var/lib/evcp --shell /usr/sbin/nologin --groups dialout,gpio,i2c evcp")

    def _install(self, central_system_port: int) -> None:
        """The program as it is now, its units, and the board."""
        for name in ("controller", "drivers", "systemd", "locks", "pyproject.toml", "README.md"):
            sh("rsync", "-a", "--delete", "--exclude=__pycache__", ROOT / name, self.debian / "opt" / "source/")
        sh("chroot", self.debian, "/opt/evcp/bin/pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "/opt/source")
        sh("rsync", "-a", GUEST, self.debian / "opt" / "board/")
        units = self.debian / "etc" / "systemd" / "system"
        for unit in [*(ROOT / "systemd").glob("*.service"), *GUEST.glob("*.service")]:
            shutil.copy(unit, units / unit.name)
        shutil.copy(ROOT / "systemd" / "evcp-safe-off", self.debian / "usr" / "local" / "sbin" / "evcp-safe-off")
        for rules in (ROOT / "systemd").glob("*.rules"):
            shutil.copy(rules, self.debian / "etc" / "udev" / "rules.d" / rules.name)
        (self.debian / "etc" / "evcp").mkdir(exist_ok=True)
        text = (GUEST / "evcp.toml").read_text().replace("CENTRAL_SYSTEM_PORT", str(central_system_port))
        (self.debian / "etc" / "evcp" / "evcp.toml").write_text(text)
        sh("chroot", self.debian, "systemctl", "enable", "evcp-board", "evcp-guard", "evcp-controller")

    def _pack(self) -> None:
        """One fresh ext4 disk of the files."""
        self.disk.unlink(missing_ok=True)
        with self.disk.open("wb") as file:
            file.truncate(DISK_MIB << 20)
        sh("mkfs.ext4", "-q", "-F", "-d", self.debian, self.disk)


def without(lock: str, names: tuple[str, ...]) -> str:
    """A lock file less some packages: an entry runs until the next line that begins in the first column."""
    kept, dropping = [], False
    for line in lock.splitlines():
        if line[:1] not in (" ", "#", ""):
            dropping = line.split("==")[0] in names
        if not dropping:
            kept.append(line)
    return "\n".join(kept) + "\n"
