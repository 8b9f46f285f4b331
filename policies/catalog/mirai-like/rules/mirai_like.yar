/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Bots built from the published sources of Mirai: see README.md.
 */
rule Mirai_Like_Bot
{
    meta:
        description = "Names that the published sources of Mirai and its descendants leave in a program, beside how it hides"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "the sources published in 2016; CISA TA16-288A"
    strings:
        $b1 = "/bin/busybox MIRAI"
        $b2 = "/bin/busybox ECCHI"
        $b3 = "MIRAI: applet not found"
        $b4 = "ECCHI: applet not found"
        $w1 = "/dev/watchdog"
        $w2 = "/dev/misc/watchdog"
        $l1 = "listening tun0"
        $l2 = "/proc/net/tcp"
        $h1 = "TSource Engine Query"
        $h2 = "/bin/busybox wget"
        $h3 = "/bin/busybox tftp"
    condition:
        uint32(0) == 0x464c457f and filesize < 1MB and
        (1 of ($b*) and 1 of ($w*, $l*, $h*) or ($l1 and 1 of ($w*) and 1 of ($h*)))
}
