#!/bin/sh
# Makes the gpiochip and the I2C stub that the virtual Pi has instead of a header.
set -e
modprobe configfs
modprobe evcp-gpio-sim
modprobe i2c-stub chip_addr=0x48 || true
modprobe softdog || true
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/header
if [ ! -d "$chip" ]; then
    mkdir "$chip" "$chip/bank0"
    echo 54 > "$chip/bank0/num_lines"
    echo pinctrl-bcm2711 > "$chip/bank0/label"
    echo 1 > "$chip/live"
fi
udevadm settle --timeout=10 || true
chgrp gpio /dev/gpiochip*
chmod 0660 /dev/gpiochip*
mkdir -p /run/board
