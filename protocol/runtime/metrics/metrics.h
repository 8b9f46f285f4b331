#pragma once

// Prometheus metrics of one process: families declared once from a table, then counted by name and
// labels. Safe from any thread. prometheus-cpp core only; the text is served by whoever has an HTTP
// server.

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetsweep::metrics {

enum class Kind { kCounter, kGauge, kHistogram };

// What a process may export. A counter's name ends in _total, units are base units.
struct Family {
  Kind kind;
  std::string_view name;
  std::string_view help;
  std::span<const double> buckets = {};  // kHistogram: upper bounds, ascending
};

using Label = std::pair<std::string_view, std::string_view>;

// {{"tenant", id}, {"state", "found"}}, or a vector of Label. Borrowed for the call.
class Labels {
 public:
  Labels(std::initializer_list<Label> labels) : labels_(labels.begin(), labels.size()) {}
  Labels(const std::vector<Label>& labels) : labels_(labels) {}
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }

 private:
  std::span<const Label> labels_;
};

struct Sample {  // of a gauge; borrowed for the call
  std::string_view name;
  std::vector<Label> labels;
  double value = 0;
};

class Metrics {
 public:
  // Every family of the table must have a valid, unused name: asserted.
  explicit Metrics(std::span<const Family> families);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `name` is of the table and of the fitting kind: asserted.
  void add(std::string_view name, Labels labels, double more = 1);   // kCounter; more >= 0
  void set(std::string_view name, Labels labels, double value);      // kGauge
  void observe(std::string_view name, Labels labels, double value);  // kHistogram
  // Removes the series, of one family or of all, that carry these labels among theirs.
  void forget(std::string_view name, Labels labels);
  void forget(Labels labels);
  // Who was called `from` is called `to` now: counters and gauges go on under the new label. No
  // histogram may carry it: asserted.
  void relabel(const Label& from, const Label& to);
  // Gauges that belong together, in one step: a scrape sees all of them as before or as after.
  void set(const std::vector<Sample>& samples);
  // The same for one gauge, whose other series are removed.
  void replace(std::string_view name, const std::vector<Sample>& samples);
  double value(std::string_view name, Labels labels) const;  // counter or gauge; 0 when not there

  // Text exposition format 0.0.4.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fleetsweep::metrics
