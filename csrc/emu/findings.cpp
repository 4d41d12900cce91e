#include "emu/findings.h"

#include <algorithm>

namespace pygan::emu {

bool Findings::fresh(Kind kind, Place a, Place b) {
  return std::none_of(list_.begin(), list_.end(), [&](const Finding& f) {
    return f.kind == kind && ((f.a == a && f.b == b) || (f.a == b && f.b == a));
  });
}

void Findings::add(Kind kind, Place a, Place b, const std::string& text) {
  if (list_.size() < 64)
    list_.push_back({kind, a, b, text});
  else
    rest_ += 1;
}

std::string Findings::text(Symbols& symbols, const std::string& kernel) const {
  std::vector<Place> places;
  for (const Finding& f : list_) places.insert(places.end(), {f.a, f.b});
  symbols.resolve(places);
  std::vector<std::string> lines;
  std::vector<std::tuple<Kind, std::string, std::string>> seen;  // one line, compiled twice
  for (const Finding& f : list_) {
    const auto [low, high] = std::minmax({symbols.line(f.a), symbols.line(f.b)});
    if (std::tuple key{f.kind, low, high}; std::find(seen.begin(), seen.end(), key) == seen.end())
      seen.push_back(key);
    else
      continue;
    std::string text = f.text;
    for (const auto& [mark, place] : {std::pair{"$a", f.a}, {"$b", f.b}})
      for (size_t at; (at = text.find(mark)) != std::string::npos;)
        text.replace(at, 2, symbols.line(place));
    lines.push_back(text);
  }
  if (lines.size() == 1 && !rest_) return kernel + ": " + lines[0];
  std::string all =
      kernel + ": " + std::to_string(lines.size()) + (rest_ ? " or more" : "") + " mistakes:";
  for (size_t i = 0; i < std::min(lines.size(), kMost); ++i)
    all += "\n  " + std::to_string(i + 1) + ". " + lines[i];
  if (lines.size() > kMost) all += "\n  ...";
  return all;
}

}  // namespace pygan::emu
