/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * BPFDoor, from what analyses have published: see README.md.
 */
rule BPFDoor_Program
{
    meta:
        description = "The backdoor: the names it gives itself in the list of processes, and its lock"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "Elastic 2022; Sandfly 2022"
    strings:
        $l1 = "/var/run/haldrund.pid"
        $l2 = "/var/run/initd.lock"
        $d1 = "/dev/shm/kdmtmpflush"
        $n1 = "/sbin/udevd -d"
        $n2 = "hald-addon-acpi: listening on acpi kernel interface /proc/acpi/event"
        $n3 = "dbus-daemon --system"
        $n4 = "avahi-daemon: chroot helper"
        $n5 = "/usr/sbin/console-kit-daemon --no-daemon"
        $f1 = "iptables -t nat -D PREROUTING -p tcp -s %s --dport %d -j REDIRECT --to-ports %d"
        $f2 = "iptables -I INPUT -p tcp -s %s -j ACCEPT"
    condition:
        uint32(0) == 0x464c457f and filesize < 2MB and
        ((1 of ($l*, $d*, $f*) and 2 of ($n*)) or 2 of ($f*) or ($d1 and 1 of ($l*)))
}
