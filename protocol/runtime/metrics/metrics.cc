#include "protocol/runtime/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <variant>

#include "protocol/base/assert.h"

namespace fleetsweep::metrics {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

using OwnLabels = std::vector<std::pair<std::string, std::string>>;

template <class T>
struct One {
  T* metric = nullptr;
  OwnLabels labels;
};

template <class T>
struct Series {
  prometheus::Family<T>* family;
  std::map<std::string, One<T>> by_labels;
};

struct Entry {
  std::variant<Series<Counter>, Series<Gauge>, Series<Histogram>> series;
  prometheus::Histogram::BucketBoundaries buckets;
};

// One string for a set of labels: a lookup without building prometheus's map each time.
constexpr char kSeparator = '\x1f';
std::string key_of(Labels labels) {
  std::string key;
  for (const auto& [name, value] : labels) {
    key.append(name).push_back('=');
    key.append(value).push_back(kSeparator);
  }
  return key;
}

bool carries(const OwnLabels& all, Labels labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const Label& label) {
    return std::any_of(all.begin(), all.end(), [&](const auto& own) {
      return own.first == label.first && own.second == label.second;
    });
  });
}

void merge(Counter& into, const Counter& from) {
  into.Increment(from.Value());
}
void merge(Gauge& into, const Gauge& from) {
  into.Set(from.Value());
}

prometheus::Labels to_map(Labels labels) {
  prometheus::Labels map;
  for (const auto& [name, value] : labels) map.emplace(name, value);
  return map;
}

}  // namespace

struct Metrics::State {
  mutable std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, Entry, std::less<>> entries;

  Entry& entry(std::string_view name) {
    const auto found = entries.find(name);
    FS_ASSERT(found != entries.end());
    return found->second;
  }

  static void forget(Entry& entry, Labels labels) {
    std::visit(
        [&](auto& all) {
          std::erase_if(all.by_labels, [&](const auto& one) {
            if (!carries(one.second.labels, labels)) return false;
            all.family->Remove(one.second.metric);
            return true;
          });
        },
        entry.series);
  }

  template <class T>
  static void relabel(Series<T>& all, const Label& from, const Label& to) {
    std::vector<One<T>> moved;
    std::erase_if(all.by_labels, [&](const auto& one) {
      if (!carries(one.second.labels, {from})) return false;
      moved.push_back(one.second);
      return true;
    });
    for (const One<T>& before : moved) {
      std::vector<Label> labels;  // in the order in which they will be given again
      for (const auto& [name, value] : before.labels)
        labels.emplace_back(name, name == from.first ? to.second : std::string_view(value));
      if constexpr (std::is_same_v<T, Histogram>)
        FS_ASSERT(!"a histogram has no such label");
      else
        merge(series_of(all, labels), *before.metric);
      all.family->Remove(before.metric);
    }
  }

  template <class T, class... Extra>
  static T& series_of(Series<T>& all, Labels labels, const Extra&... extra) {
    One<T>& one = all.by_labels[key_of(labels)];
    if (!one.metric) {
      for (const auto& [name, value] : labels) one.labels.emplace_back(name, value);
      one.metric = &all.family->Add(to_map(labels), extra...);
    }
    return *one.metric;
  }

  template <class T, class... Extra>
  T& series(std::string_view name, Labels labels, const Extra&... extra) {
    auto* all = std::get_if<Series<T>>(&entry(name).series);
    FS_ASSERT(all);
    return series_of(*all, labels, extra...);
  }
};

Metrics::Metrics(std::span<const Family> families) : state_(std::make_unique<State>()) {
  for (const Family& family : families) {
    const std::string name(family.name);
    const std::string help(family.help);
    Entry entry{Series<Counter>{}, {family.buckets.begin(), family.buckets.end()}};
    try {
      switch (family.kind) {
        case Kind::kCounter:
          entry.series = Series<Counter>{
              &prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry), {}};
          break;
        case Kind::kGauge:
          entry.series = Series<Gauge>{
              &prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry), {}};
          break;
        case Kind::kHistogram:
          entry.series = Series<Histogram>{
              &prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry), {}};
          break;
      }
    } catch (const std::exception&) {
      FS_ASSERT(!"a family of the table has an invalid name");
    }
    const bool is_new = state_->entries.emplace(name, std::move(entry)).second;
    FS_ASSERT(is_new);
  }
}

Metrics::~Metrics() = default;

void Metrics::add(std::string_view name, Labels labels, double more) {
  const std::lock_guard lock(state_->mutex);
  state_->series<Counter>(name, labels).Increment(more);
}

void Metrics::set(std::string_view name, Labels labels, double value) {
  const std::lock_guard lock(state_->mutex);
  state_->series<Gauge>(name, labels).Set(value);
}

void Metrics::observe(std::string_view name, Labels labels, double value) {
  const std::lock_guard lock(state_->mutex);
  state_->series<Histogram>(name, labels, state_->entry(name).buckets).Observe(value);
}

void Metrics::forget(std::string_view name, Labels labels) {
  const std::lock_guard lock(state_->mutex);
  State::forget(state_->entry(name), labels);
}

void Metrics::forget(Labels labels) {
  const std::lock_guard lock(state_->mutex);
  for (auto& [name, entry] : state_->entries) State::forget(entry, labels);
}

void Metrics::relabel(const Label& from, const Label& to) {
  const std::lock_guard lock(state_->mutex);
  for (auto& [name, entry] : state_->entries)
    std::visit([&](auto& all) { State::relabel(all, from, to); }, entry.series);
}

void Metrics::set(const std::vector<Sample>& samples) {
  const std::lock_guard lock(state_->mutex);
  for (const Sample& one : samples) state_->series<Gauge>(one.name, one.labels).Set(one.value);
}

void Metrics::replace(std::string_view name, const std::vector<Sample>& samples) {
  const std::lock_guard lock(state_->mutex);
  auto* all = std::get_if<Series<Gauge>>(&state_->entry(name).series);
  FS_ASSERT(all);
  for (const auto& [key, one] : all->by_labels) all->family->Remove(one.metric);
  all->by_labels.clear();
  for (const Sample& one : samples) {
    FS_ASSERT(one.name == name);
    state_->series<Gauge>(name, one.labels).Set(one.value);
  }
}

double Metrics::value(std::string_view name, Labels labels) const {
  const std::lock_guard lock(state_->mutex);
  return std::visit(
      [&]<class T>(const Series<T>& all) -> double {
        const auto found = all.by_labels.find(key_of(labels));
        if (found == all.by_labels.end()) return 0;
        if constexpr (std::is_same_v<T, Histogram>) {
          return static_cast<double>(found->second.metric->Collect().histogram.sample_count);
        } else {
          return found->second.metric->Value();
        }
      },
      state_->entry(name).series);
}

std::string Metrics::text() const {
  const std::lock_guard lock(state_->mutex);
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace fleetsweep::metrics
