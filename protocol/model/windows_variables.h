#pragma once

// What paths of Windows in a policy may begin with: each variable with where it lies beneath the
// root of a volume, of Windows XP too. One with several places stands here several times.

#include <string_view>
#include <utility>

namespace fleetsweep::model {

inline constexpr std::pair<std::string_view, std::string_view> kWindowsVariables[] = {
    {"%SystemDrive%", ""},
    {"%SystemRoot%", "/Windows"},
    {"%windir%", "/Windows"},
    {"%ProgramFiles%", "/Program Files"},
    {"%ProgramFiles(x86)%", "/Program Files (x86)"},
    {"%CommonProgramFiles%", "/Program Files/Common Files"},
    {"%ProgramData%", "/ProgramData"},
    {"%ProgramData%", "/Documents and Settings/All Users/Application Data"},
    {"%ALLUSERSPROFILE%", "/ProgramData"},
    {"%ALLUSERSPROFILE%", "/Documents and Settings/All Users"},
    {"%PUBLIC%", "/Users/Public"},
    {"%USERPROFILE%", "/Users/*"},
    {"%USERPROFILE%", "/Documents and Settings/*"},
    {"%APPDATA%", "/Users/*/AppData/Roaming"},
    {"%APPDATA%", "/Documents and Settings/*/Application Data"},
    {"%LOCALAPPDATA%", "/Users/*/AppData/Local"},
    {"%LOCALAPPDATA%", "/Documents and Settings/*/Local Settings/Application Data"},
    {"%TEMP%", "/Users/*/AppData/Local/Temp"},
    {"%TEMP%", "/Documents and Settings/*/Local Settings/Temp"},
    {"%TEMP%", "/Windows/Temp"},
    {"%TMP%", "/Users/*/AppData/Local/Temp"},
    {"%TMP%", "/Documents and Settings/*/Local Settings/Temp"},
    {"%TMP%", "/Windows/Temp"}};

}  // namespace fleetsweep::model
