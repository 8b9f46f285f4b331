/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * XorDDoS, from what analyses have published: see README.md.
 */
rule XorDDoS_Bot
{
    meta:
        description = "The bot: the key it obfuscates its strings with, and what its configuration or its installer says"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "Microsoft 2022-05-19; MalwareMustDie 2014"
    strings:
        $key = "BB2FA36AAA9541F0"
        $c1 = "denyip="
        $c2 = "rmfile="
        $c3 = "filename="
        $p1 = "/etc/cron.hourly/gcc.sh"
        $p2 = "/var/run/gcc.pid"
        $p3 = "/lib/libudev.so"
    condition:
        uint32(0) == 0x464c457f and filesize < 4MB and $key and 1 of ($c*, $p*)
}
