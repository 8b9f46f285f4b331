/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Outlaw, from what analyses have published: see README.md.
 */
rule Outlaw_Script
{
    meta:
        description = "A small script that knows the bot's own places and its key"
        author = "The Fleetsweep Authors"
        date = "2026-11-27"
        license = "Apache-2.0"
        reference = "CpanelInc tech-CSI; Elastic 2025-02"
    strings:
        $key = "mdrfckr"
        $home = ".configrc"
        $packed = /dota[23]?\.tar\.gz/
        $staging = /\.X[0-9a-z]{2,4}-unix\/\.rsync/
        $miner = "/a/kswapd0"
        $bot = "/b/sync"
        $updater = "/a/upd"
        $spread = "/c/aptitude"
    condition:
        uint16(0) == 0x2123 and filesize < 64KB and 3 of them
}
