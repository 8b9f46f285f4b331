/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Kinsing (H2Miner) and its rootkit, from what analyses have published: see README.md.
 */
rule Kinsing_Bot
{
    meta:
        description = "The Go bot: names of its own functions, which stay in the binary"
        author = "The Fleetsweep Authors"
        date = "2026-11-23"
        license = "Apache-2.0"
        reference = "CyberArk 2021, Kinsing: the malware with two faces; Aqua 2020-04"
    strings:
        $f1 = "main.redisBrute"
        $f2 = "main.masscan"
        $f3 = "main.minerRunningCheck"
        $f4 = "main.backconnect"
        $f5 = "main.getActiveC2CUrl"
        $f6 = "main.runMinerCheck"
    condition:
        uint32(0) == 0x464c457f and 3 of them
}

rule Kinsing_Preload_Rootkit
{
    meta:
        description = "The preloaded library: a beurk that hides the bot, the miner and itself"
        author = "The Fleetsweep Authors"
        date = "2026-11-23"
        license = "Apache-2.0"
        reference = "Trend Micro 2020-11, Analysis of Kinsing malware's use of rootkit"
    strings:
        $bot = "kinsing"
        $miner = "kdevtmpfsi"
        $preload = "/etc/ld.so.preload"
        $hook1 = "readdir64"
        $hook2 = "__lxstat64"
        $hook3 = "fopen64"
    condition:
        uint32(0) == 0x464c457f and filesize < 1MB and $bot and $miner and $preload and 2 of ($hook*)
}
