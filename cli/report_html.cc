#include "cli/report_html.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cli/console.h"
#include "cli/describe.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::cli {
namespace {

using model::HostState;

constexpr std::string_view kStyle = R"css(
:root{--ink:#1b2430;--dim:#5b6675;--line:#d9dee5;--card:#fff;--page:#f4f6f8;--good:#1a7f4b;--busy:#9a6700;--bad:#b3261e;--link:#0b5cad}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 12px}
h3{font-size:16px;margin:0 0 2px;overflow-wrap:anywhere}
p{margin:6px 0}
.dim{color:var(--dim)}
.mono,code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 20px;margin:0 0 12px;break-inside:avoid}
.verdict{border-left:6px solid var(--good)}
.verdict strong{color:var(--good);font-size:17px}
.verdict ul{margin:8px 0 0;padding-left:20px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 16px}
.tile{flex:1 1 130px;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px}
.tile b{display:block;font-size:28px;line-height:1.2;font-variant-numeric:tabular-nums}
.bar{display:flex;height:18px;border-radius:9px;overflow:hidden;border:1px solid var(--line);margin:0 0 12px;background:var(--card)}
.bar span{min-width:2px}
.good{background:var(--good)}.busy{background:var(--busy)}.bad{background:var(--bad)}
.tag{display:inline-block;padding:1px 9px;border-radius:10px;color:#fff;font-size:12.5px;font-weight:600;white-space:nowrap}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);font-size:14px}
th,td{text-align:left;padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
thead th{font-weight:600;color:var(--dim);background:#fafbfc}
tbody th{font-weight:600}
caption{text-align:left;padding:0 0 6px}
tfoot td{font-weight:700}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
dl{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:3px 18px;margin:10px 0 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
pre{background:#10161f;color:#e8edf3;border-radius:8px;padding:14px 16px;overflow-x:auto;font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.scroll{overflow-x:auto}
.scroll table{min-width:680px}
@media(max-width:600px){main{padding:20px 14px 40px}dl{grid-template-columns:1fr}dd{margin:0 0 8px}}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}.card,.tile,table,.bar{border-color:#999}thead{display:table-header-group}tr{break-inside:avoid}pre{background:#fff;color:#000;border:1px solid #999;white-space:pre-wrap}.bar span,.tag{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

// Text between tags or in an attribute. Control and bidi characters are shown, not obeyed.
std::string text(std::string_view raw) {
  std::string safe;
  for (const char c : escaped(raw)) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string mono(std::string_view raw) {
  return fmt::format("<span class=\"mono\">{}</span>", text(raw));
}

std::string names(const std::vector<std::string>& people) {
  return people.empty() ? "nobody" : text(fmt::format("{}", fmt::join(people, ", ")));
}

// How a state is to be taken at the end of a campaign.
std::string_view kind_of(std::string_view state) {
  const auto known = from_name<HostState>(state);
  switch (known.value_or(HostState::kFailed)) {
    case HostState::kClean:
    case HostState::kVerified:
    case HostState::kUndone:
      return "good";
    case HostState::kFound:
    case HostState::kCleaned:
    case HostState::kNeedsReboot:
    case HostState::kPending:
    case HostState::kOffered:
    case HostState::kScanning:
    case HostState::kWaiting:
    case HostState::kCleaning:
    case HostState::kUnreachable:
    case HostState::kExpired:
      return "busy";
    default:
      return "bad";
  }
}

std::string tag(std::string_view state) {
  std::string words(state);
  std::ranges::replace(words, '_', ' ');
  return fmt::format("<span class=\"tag {}\">{}</span>", kind_of(state), text(words));
}

std::string row(std::string_view name, const std::string& html) {
  if (html.empty()) return "";  // nobody stated it
  return fmt::format("<dt>{}</dt><dd>{}</dd>", text(name), html);
}

std::string verdict(const VerifiedReport& report) {
  std::string list;
  for (const std::string& line : report.close_out.held)
    list += fmt::format("<li>{}</li>", text(line));
  return fmt::format(
      "<section class=\"card verdict\" aria-label=\"Verification\"><strong>&#10003; Everything in "
      "this report holds</strong><p>Checked when this page was written, from the signed bytes and "
      "from nothing else. A page can be edited: check the file itself, as below.</p>"
      "<ul>{}</ul></section>",
      list);
}

// A host that found nothing did not look into what it could not read.
std::string not_read_in_full(const CloseOut& out) {
  const auto hosts = std::ranges::count(out.hosts, model::Reason::kUnscannable, &HostLine::reason);
  if (hosts == 0) return "";
  return fmt::format("<p>{} not read in full: <code>unscannable</code> in the list of hosts.</p>",
                     hosts == 1 ? "1 host was" : fmt::format("{} hosts were", hosts));
}

std::string counts(const CloseOut& out) {
  std::uint64_t good = 0, sum = 0;
  std::string bar, rows;
  for (const std::string_view kind : {"good", "busy", "bad"})
    for (const auto& [state, hosts] : out.states)
      if (kind_of(state) == kind)
        bar += fmt::format("<span class=\"{}\" style=\"flex:{}\" title=\"{}: {}\"></span>", kind,
                           hosts, text(state), hosts);
  for (const auto& [state, hosts] : out.states) {
    sum += hosts;
    if (kind_of(state) == "good") good += hosts;
    rows += fmt::format("<tr><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
                        tag(state), hosts,
                        percent(static_cast<unsigned>(hosts * 1000 / out.hosts.size())));
  }
  const auto tile = [](std::uint64_t number, std::string_view what) {
    return fmt::format("<div class=\"tile\"><b>{}</b>{}</div>", number, what);
  };
  return fmt::format(
      "<h2>What came of it</h2><div class=\"tiles\">{}{}{}{}</div><div class=\"bar\" role=\"img\" "
      "aria-label=\"{} of {} hosts ended well\">{}</div><table><caption class=\"dim\">Each "
      "targeted "
      "host is in exactly one state.</caption><thead><tr><th scope=\"col\">State</th><th "
      "scope=\"col\" class=\"num\">Hosts</th><th scope=\"col\" "
      "class=\"num\">Share</th></tr></thead>"
      "<tbody>{}</tbody><tfoot><tr><td>Targeted</td><td class=\"num\">{}</td><td></td></tr></tfoot>"
      "</table>{}",
      tile(out.hosts.size(), "hosts targeted"), tile(good, "ended well"),
      tile(out.hosts.size() - good, "did not, or not yet"),
      tile(out.results_size, "signed receipts"), good, out.hosts.size(), bar, rows, sum,
      not_read_in_full(out));
}

std::string digested(const Digested& digested) {
  return mono(digested.digest.hex()) +
         (digested.receipts
              ? fmt::format("<br><span class=\"dim\">worked out again from {}</span>",
                            counted(*digested.receipts, "receipt"))
              : "<br><span class=\"dim\">of receipts that are not all in this report: not worked "
                "out again</span>");
}

// Break-glass: whoever reads the page should not have to look for it.
std::string alarm(std::string_view words) {
  return fmt::format("<span class=\"tag bad\">{}</span> ", words);
}

std::string order(const OrderLine& line) {
  const model::Order& order = line.order;
  std::string rows =
      row("Approved by",
          fmt::format("{}<b>{}</b>, in the role <b>{}</b>",
                      line.sealed ? alarm("with sealed keys") : "", names(line.approved_by),
                      name(trust::role_for(order.action_class)))) +
      row("Legal basis", text(order.authority.legal_basis)) +
      row("Ordered by", text(order.authority.issuer)) +
      row("Reference", text(order.authority.reference)) +
      row("Contact", text(order.authority.contact)) +
      row("Where", names(order.scope.jurisdictions)) +
      row("In force", fmt::format("{} to {}", to_rfc3339(order.schedule.not_before),
                                  to_rfc3339(order.schedule.not_after))) +
      row("Policy", mono(order.policy.hex())) +
      row("Order id", mono(line.id.hex()) + fmt::format(", log entry {}", line.index));
  if (line.dry_run_report)
    rows += row("Dry run", mono(order.dry_run_order.hex())) +
            row("Its report, as signers saw it", digested(*line.dry_run_report));
  return fmt::format(
      "<article class=\"card\"><h3>{}</h3><span class=\"dim\">{}, class {}</span>{}"
      "<dl>{}</dl></article>",
      text(order.title), mode_text(order.mode), name(order.action_class),
      order.standing ? " " + alarm("standing order, approved ahead") : "", rows);
}

std::string steering(const CloseOut& out) {
  std::string rows;
  for (const SteeringLine& line : out.steering)
    rows += fmt::format("<tr><td class=\"num\">{}</td><td>{}</td><td>{}</td><td>{}{}</td></tr>",
                        line.index, text(line.type),
                        (line.sealed ? alarm("with sealed keys") : "") + names(line.signed_by),
                        text(line.says), line.evidence ? "<br>" + digested(*line.evidence) : "");
  return fmt::format(
      "<h2>How it was steered</h2><div class=\"scroll\"><table><thead><tr><th scope=\"col\" "
      "class=\"num\">Log entry</th><th scope=\"col\">Document</th><th scope=\"col\">Signed by</th>"
      "<th scope=\"col\">What it says</th></tr></thead><tbody>{}</tbody></table></div>",
      rows);
}

std::string hosts(const CloseOut& out) {
  std::string rows;
  std::vector<HostLine> by_name = out.hosts;
  std::ranges::stable_sort(by_name, {}, &HostLine::hostname);
  for (const HostLine& line : by_name)
    rows += fmt::format(
        "<tr><th scope=\"row\">{}<br>{}</th><td>{}{}<br><span class=\"dim\">{}</span></td><td "
        "class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td "
        "class=\"num\">{}</td><td>{}</td></tr>",
        text(line.hostname), mono(line.agent.hex().substr(0, 16)), tag(name(line.state)),
        line.reason == model::Reason::kNone ? "" : " " + text(name(line.reason)),
        line.own_word ? "its own receipt" : "the controller's word", line.wave, line.matched,
        line.acted, line.receipts,
        line.seq == 0 || line.consent.is_zero() ? std::string("none")
                                                : mono(line.consent.hex().substr(0, 16)));
  return fmt::format(
      "<h2>Hosts</h2><p class=\"dim\">A receipt is what a host signed, not a proof that it is "
      "clean. "
      "Names are what hosts call themselves.</p><div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\">Host</th><th scope=\"col\">State</th><th scope=\"col\" class=\"num\">Wave</th>"
      "<th scope=\"col\" class=\"num\">Matched</th><th scope=\"col\" class=\"num\">Acted</th><th "
      "scope=\"col\" class=\"num\">Receipts</th><th scope=\"col\">Owner's consent</th></tr></thead>"
      "<tbody>{}</tbody></table></div>",
      rows);
}

std::string evidence(const VerifiedReport& report, const std::string& file, const Digest& sha256) {
  const CloseOut& out = report.close_out;
  return fmt::format(
      "<h2>Evidence</h2><div class=\"card\"><dl>{}</dl></div><h2>Check it yourself</h2><p>You need "
      "this file, the tenant's root from a place that you trust, and the program. No network, no "
      "account.</p><pre>sha256sum {}\nfleetsweep audit verify {} --root root.dsse</pre><p "
      "class=\"dim\">With <code>--html</code> it also says whether this page is the one of that "
      "file. What no report can show: a document, or a host that never said anything, that its "
      "writers left out, and that a host told the truth. Who doubts it asks for the whole log: "
      "<code>fleetsweep audit verify</code> at the controller.</p>",
      row("Report", fmt::format("{}<br>SHA-256 {}", mono(file), mono(sha256.hex()))) +
          row("Tenant", mono(out.tenant.hex())) +
          row("Root",
              fmt::format("version {}, {}", out.root->version(), mono(out.root->id().hex()))) +
          row("Control log", text(out.origin)) +
          row("Checkpoint", fmt::format("{} entries, root {}<br>cosigned by at least {} of {} "
                                        "witnesses, {}",
                                        out.log_size, mono(out.log_root.hex()), out.witness_quorum,
                                        out.witnesses, to_rfc3339(out.witnessed))) +
          row("Results log", fmt::format("{}, root {}", counted(out.results_size, "receipt"),
                                         mono(out.results_root.hex()))) +
          row("After the close", out.late == 0
                                     ? std::string("nothing")
                                     : fmt::format("{}: in the report, not in the closed log, not "
                                                   "counted",
                                                   counted(out.late, "late receipt"))),
      text(file), text(file));
}

// For a complaint: what stands there, and enough of it to find the place.
std::string excerpt(std::string_view page, std::size_t at) {
  constexpr std::size_t kBefore = 40, kShown = 120;
  if (at >= page.size()) return "its end";
  return escaped(page.substr(at - std::min(at, kBefore), kShown));
}

}  // namespace

std::optional<Complaint> page_difference(std::string_view made, std::string_view page) {
  if (made == page) return std::nullopt;
  const auto [one, other] = std::ranges::mismatch(made, page);
  const auto at = static_cast<std::size_t>(one - made.begin());
  return Complaint{fmt::format("page, byte {}", at), excerpt(made, at), excerpt(page, at)};
}

std::string report_html(const VerifiedReport& report, const std::string& file,
                        const Digest& sha256) {
  const CloseOut& out = report.close_out;
  std::string orders;
  for (const OrderLine& line : out.orders) orders += order(line);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>Close-out of campaign {0}</title><style>{1}</style></head><body><main>\n"
      "<header><h1>Close-out of campaign {0}</h1><p class=\"dim\">Written {2}, signed by {3}. Log "
      "{4}.</p></header>\n{5}\n{6}\n<h2>Who ordered it, on which "
      "authority</h2>\n{7}\n{8}\n{9}\n{10}"
      "\n</main></body></html>\n",
      text(out.campaign), kStyle, to_rfc3339(report.created), names(report.signed_by),
      text(out.origin), verdict(report), counts(out), orders, steering(out), hosts(out),
      evidence(report, file, sha256));
}

}  // namespace fleetsweep::cli
