/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Web shells on Exchange by what they do with a request: evaluate it, or start it as a command.
 */
rule ExchangeShell_JScript_Request_Is_Code
{
    meta:
        description = "The one line of the 2021 attacks: JScript on the server that evaluates a field of the request, with unsafe"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "CISA MAR-10328877 to MAR-10329499, 2021; Microsoft 2021-03-02, HAFNIUM"
    strings:
        $script = /<script[^>]{0,40}language\s{0,4}=\s{0,4}["']?JScript["']?[^>]{0,40}runat\s{0,4}=\s{0,4}["']?server/ nocase
        $page = /<%@\s{0,4}Page[^>]{0,60}Language\s{0,4}=\s{0,4}["']?JScript/ nocase
        $eval = /eval\s{0,4}\(\s{0,4}Request\s{0,4}(\.Item\s{0,4})?[\[(]\s{0,4}["'][^"']{1,64}["']\s{0,4}[\])]\s{0,4},\s{0,4}["']unsafe["']\s{0,4}\)/ nocase
    condition:
        filesize < 512KB and any of ($script, $page) and $eval
}

rule ExchangeShell_Address_Book_Holds_A_Script
{
    meta:
        description = "The settings of an offline address book, written into a web folder, whose external URL is a script"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "CISA MAR-10328877, 2021: OAB virtual directory with an altered ExternalUrl"
    strings:
        $settings = "OfflineAddressBooks"
        $url = /ExternalUrl\s{0,20}:\s{0,4}https?:\/\/[^<\r\n]{0,80}<script/ nocase
    condition:
        filesize < 512KB and $settings and $url
}

rule ExchangeShell_CSharp_Request_Is_Command
{
    meta:
        description = "A page in C# that starts what the request names"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "NSA and ASD 2020, Detect and prevent web shell malware"
    strings:
        $start = /Process\s{0,4}\.\s{0,4}Start\s{0,4}\(\s{0,4}(["']cmd(\.exe)?["']\s{0,4},\s{0,4}[^;]{0,40})?Request\s{0,4}[\[.]/
    condition:
        filesize < 512KB and $start
}
