/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Programs that mine for somebody: what speaks Stratum and calls itself a miner. Weak alone, for an
 * owner may mine himself.
 */
rule Coinminer_Program
{
    meta:
        description = "The protocol of mining pools, and the words of the usual miners"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "the published sources of xmrig"
    strings:
        $s1 = "stratum+tcp://"
        $s2 = "stratum+ssl://"
        $j1 = "mining.subscribe"
        $j2 = "\"method\":\"login\""
        $w1 = "donate-level"
        $w2 = "randomx"
        $w3 = "cryptonight"
        $w4 = "nicehash"
        $w5 = "hashrate"
    condition:
        uint32(0) == 0x464c457f and filesize < 32MB and 1 of ($s*, $j*) and 2 of ($w*)
}
