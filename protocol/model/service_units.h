#pragma once

// Which services of a host may be started again at the word of a policy that names them. One list
// for the agent, which obeys it, and for the compiler, which tells an author.
//
// Not on it, on purpose: sshd. Where pam_systemd gives sessions scopes of their own, or the unit
// has KillMode=process, as distributions ship it, a person who is logged in stays so.

#include <algorithm>
#include <string_view>

namespace fleetsweep::model {

struct KeptUnit {
  std::string_view name;  // exactly, or a beginning that ends in '*'
  std::string_view why;
};

inline constexpr KeptUnit kKeptUnits[] = {
    {"fleetsweep*", "it is the agent that cleans"},
    {"systemd-*", "it is a part of systemd, which all others rest on"},
    {"dbus.service", "everything that speaks over the system's bus would lose its line"},
    {"dbus-broker.service", "everything that speaks over the system's bus would lose its line"},
    {"user@*", "every session of this user would end"},
    {"user-runtime-dir@*", "every session of this user would end"},
    {"getty@*", "who is logged in at the console would be thrown out"},
    {"autovt@*", "who is logged in at the console would be thrown out"},
    {"serial-getty@*", "who is logged in at the console would be thrown out"},
    {"console-getty.service", "who is logged in at the console would be thrown out"},
    {"container-getty@*", "who is logged in at the console would be thrown out"},
    {"display-manager.service", "who sits at the screen would be thrown out"},
    {"gdm.service", "who sits at the screen would be thrown out"},
    {"gdm3.service", "who sits at the screen would be thrown out"},
    {"lightdm.service", "who sits at the screen would be thrown out"},
    {"lxdm.service", "who sits at the screen would be thrown out"},
    {"sddm.service", "who sits at the screen would be thrown out"},
    {"slim.service", "who sits at the screen would be thrown out"},
    {"xdm.service", "who sits at the screen would be thrown out"},
    {"docker.service", "what the host's containers do hangs on it"},
    {"containerd.service", "what the host's containers do hangs on it"},
    {"crio.service", "what the host's containers do hangs on it"},
    {"podman*", "what the host's containers do hangs on it"},
    {"kubelet.service", "what the host's containers do hangs on it"},
    {"k3s*", "what the host's containers do hangs on it"},
    {"NetworkManager.service", "the host would lose its network"},
    {"network.service", "the host would lose its network"},
    {"networking.service", "the host would lose its network"},
    {"ifup@*", "the host would lose its network"},
    {"wpa_supplicant*", "the host would lose its network"},
};

// Why no agent restarts it, whatever a policy says; empty: it may be.
inline std::string_view why_kept_running(std::string_view unit) {
  for (const auto& kept : kKeptUnits) {
    const bool is_beginning = kept.name.ends_with('*');
    const auto name = kept.name.substr(0, kept.name.size() - (is_beginning ? 1 : 0));
    if (is_beginning ? unit.starts_with(name) : unit == name) return kept.why;
  }
  return {};
}

// "cron.service", "postgresql@15-main.service": what a shell and systemctl take for the name of one
// service, and nothing else.
inline bool is_service_name(std::string_view unit) {
  constexpr std::size_t kNameBytes = 255;  // of systemd
  return unit.size() > std::string_view(".service").size() && unit.size() <= kNameBytes &&
         unit.ends_with(".service") && unit.front() != '-' &&
         std::all_of(unit.begin(), unit.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("@.:_-").find(c) != std::string_view::npos;
         });
}

}  // namespace fleetsweep::model
