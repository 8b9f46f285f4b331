#pragma once

// "{{detection.field}}" and "{{detection.field|unwow64}}" inside values, filled per binding.

#include <functional>
#include <string>
#include <vector>

#include "agent/scan/evaluate/matcher.h"

namespace fleetsweep::scan {

class Template {
 public:
  // `find` gives the index of a detection by its id. kInvalid: unclosed, unknown id, field or
  // filter.
  static Result<Template> parse(
      std::string_view text,
      const std::function<std::optional<std::uint16_t>(std::string_view)>& find);

  // Nothing when the binding lacks a named detection, or its object the field. `quote` is applied
  // to what is filled in, not to the text around it.
  std::optional<std::string> fill(Binding binding,
                                  const std::function<std::string(std::string_view)>& quote) const;

  const std::vector<std::uint16_t>& detections() const { return detections_; }

 private:
  struct Part {
    std::string text;
    bool is_field = false;
    std::uint16_t detection = 0;
    model::Field field = model::Field::kFilePath;
    bool unwow64 = false;
  };
  std::vector<Part> parts_;
  std::vector<std::uint16_t> detections_;
};

}  // namespace fleetsweep::scan
