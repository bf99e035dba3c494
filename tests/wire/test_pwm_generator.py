"""The kernel's PWM by its own rules: order of writes, rounding down, read-back, and a channel that goes and comes."""

import pytest

from drivers.errors import BadReply, Disconnected
from drivers.pilot.sysfs_pwm import SysfsPwm


def test_period_duty_and_enable_are_written_in_the_order_that_the_kernel_takes(pwm_tree):
    """A fresh channel has period 0, so a duty before the period is EINVAL (hardware-drivers 1.2)."""
    SysfsPwm(0).set_duty(1.0)
    assert pwm_tree.log == [
        ("pwmchip0/export", "0"), ("pwmchip0/pwm0/period", "1000000"), ("pwmchip0/pwm0/duty_cycle", "1000000"),
        ("pwmchip0/pwm0/enable", "1"),
    ]


def test_after_the_start_only_the_duty_cycle_is_ever_written(pwm_tree):
    """One write is one glitch-free change; `enable` is never used to switch off."""
    generator = SysfsPwm(0)
    generator.set_duty(1.0)
    pwm_tree.log.clear()
    for duty in (0.533333, 0.0, 1.0):
        generator.set_duty(duty)
    assert pwm_tree.log == [("pwmchip0/pwm0/duty_cycle", text) for text in ("533333", "0", "1000000")]


@pytest.mark.parametrize(("duty", "nanoseconds"), [
    (16 / 60, "266666"), (0.1, "100000"), (32 / 60, "533333"), (0.8999999, "899999"), (1.0, "1000000"), (0.0, "0"),
])
def test_the_duty_is_rounded_down_to_a_nanosecond(pwm_tree, duty, nanoseconds):
    """The offered current must never exceed the limit (IEC 61851-1 Annex A, iec61851 3.2)."""
    SysfsPwm(0).set_duty(duty)
    assert ("pwmchip0/pwm0/duty_cycle", nanoseconds) in pwm_tree.log


def test_an_inverting_stage_gets_the_complement(pwm_tree):
    """The op-amp turns it round; polarity stays normal, since it may only change while disabled."""
    SysfsPwm(0, inverted=True).set_duty(0.1)
    assert pwm_tree.duty(0) == pytest.approx(0.9)


@pytest.mark.parametrize(("chip", "device"), [(0, "fe20c000.pwm"), (0, "3f20c000.pwm"), (2, "1f00098000.pwm")],
                         ids=["Pi 4", "Pi 3 and Zero 2 W", "Pi 5 on an older kernel"])
def test_the_chip_behind_the_header_is_found_by_its_device(monkeypatch, chip, device):
    """Numbers differ between boards and kernels, and a fan has a chip of its own."""
    from drivers.pilot import sysfs_pwm
    from drivers.sim.pwm_tree import PwmTree

    tree = PwmTree(chip=chip, device=device, channels=4)
    monkeypatch.setattr(sysfs_pwm, "files", tree)
    SysfsPwm(0).set_duty(1.0)
    assert tree.duty(0) == 1.0


def test_a_machine_without_such_a_chip_tells_which_overlay_is_missing(monkeypatch):
    """The advice is the line for config.txt."""
    from drivers.pilot import sysfs_pwm
    from drivers.sim.pwm_tree import PwmTree

    monkeypatch.setattr(sysfs_pwm, "files", PwmTree(device="something-else"))
    with pytest.raises(Disconnected, match="dtoverlay=pwm-2chan"):
        SysfsPwm(0).set_duty(1.0)


def test_permissions_that_come_late_are_waited_for_call_by_call(monkeypatch):
    """udev grants them after the kernel made the files; no call blocks the cycle meanwhile."""
    from drivers.pilot import sysfs_pwm
    from drivers.sim.pwm_tree import PwmTree

    tree = PwmTree(permission_after=3)
    monkeypatch.setattr(sysfs_pwm, "files", tree)
    generator = SysfsPwm(0)
    for _ in range(3):
        with pytest.raises(Disconnected, match="not writable yet"):
            generator.set_duty(1.0)
    generator.set_duty(1.0)
    assert tree.duty(0) == 1.0


def test_missing_permissions_are_explained(pwm_tree):
    """EACCES names the udev rule that is not installed (F-PWM)."""
    pwm_tree.denied = True
    with pytest.raises(Disconnected, match="udev rule"):
        SysfsPwm(0).set_duty(1.0)


def test_a_channel_that_was_exported_before_is_taken_over(pwm_tree):
    """After a crash the channel still runs: EBUSY is no error, and the level changes only by one write."""
    SysfsPwm(0).set_duty(0.5)
    pwm_tree.log.clear()
    SysfsPwm(0).set_duty(1.0)
    assert pwm_tree.log == [("pwmchip0/pwm0/duty_cycle", "1000000")]


def test_a_vanished_channel_is_noticed_at_the_next_look_and_set_up_again_when_it_returns(pwm_tree):
    """The guard opens at once and recovers by itself (F-PWM)."""
    generator = SysfsPwm(0)
    generator.set_duty(0.5)
    pwm_tree.vanish()
    for _ in range(2):
        with pytest.raises(Disconnected):
            generator.verify()
    pwm_tree.come_back()
    generator.verify()
    assert pwm_tree.duty(0) == 0.5


def test_a_duty_that_somebody_else_changed_is_noticed(pwm_tree):
    """Read-back: two programs on one channel are told, not tolerated."""
    generator = SysfsPwm(0)
    generator.set_duty(0.5)
    pwm_tree.write("/sys/class/pwm/pwmchip0/pwm0/duty_cycle", "900000\n")
    with pytest.raises(BadReply, match="another program"):
        generator.verify()
