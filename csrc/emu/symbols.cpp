#include "emu/symbols.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace pygan::emu {
namespace {

const char kHere = 0;  // lies in this module

// Frames of the emulator's own: load4 and its like, behind which the kernel's line stands
bool own(const std::string& file) {
  for (const char* part : {"device/emu_device.h", "csrc/emu/"})
    if (file.find(part) != std::string::npos) return true;
  return false;
}

std::string base_name(const std::string& file) { return file.substr(file.rfind('/') + 1); }

}  // namespace

Symbols::Symbols() {
  Dl_info info;
  if (dladdr(&kHere, &info)) {
    base_ = reinterpret_cast<uintptr_t>(info.dli_fbase);
    module_ = info.dli_fname;
    if (module_.find('/') == std::string::npos) module_ = "/proc/self/exe";  // found through PATH
  }
  find_segments();
}

void Symbols::find_segments() {
  struct Search {
    uintptr_t here;
    std::vector<Segment>* out;
  } search{reinterpret_cast<uintptr_t>(&kHere), &read_only_};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto* s = static_cast<Search*>(argument);
        std::vector<Segment> found;
        bool mine = false;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& h = info->dlpi_phdr[i];
          const uintptr_t begin = info->dlpi_addr + h.p_vaddr;
          if (h.p_type == PT_LOAD) mine |= s->here - begin < h.p_memsz;
          if ((h.p_type == PT_LOAD && !(h.p_flags & PF_W)) || h.p_type == PT_GNU_RELRO)
            found.push_back({begin, begin + h.p_memsz});
        }
        if (!mine) return 0;
        *s->out = found;
        return 1;
      },
      &search);
}

bool Symbols::read_only(uintptr_t address, size_t bytes) const {
  for (const Segment& s : read_only_)
    if (address >= s.begin && address + bytes <= s.end) return true;
  return false;
}

Place Symbols::place(Site site) {
  const auto quick = quick_sites_.find({site.file, site.line});
  if (quick != quick_sites_.end()) return quick->second;
  const auto next = static_cast<Place>(sites_.size()) | kSite;
  const auto [it, fresh] = site_places_.insert({{site.file ? site.file : "", site.line}, next});
  if (fresh) sites_.push_back(site);
  return quick_sites_[{site.file, site.line}] = it->second;
}

// addr2line -i prints, for each address, function and file:line of each frame, innermost first; the
// marker before each address tells where the next one begins.
std::vector<std::vector<Frame>> Symbols::ask(const std::vector<uintptr_t>& offsets) {
  std::string command = "addr2line -a -i -f -C -e '" + module_ + "'";
  char text[32];
  for (const uintptr_t o : offsets) {
    std::snprintf(text, sizeof text, " 0x%zx", static_cast<size_t>(o));
    command += text;
  }
  command += " 2>&1";
  std::string output;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char part[4096];
    for (size_t n; (n = std::fread(part, 1, sizeof part, pipe)) > 0;) output.append(part, n);
    const int status = pclose(pipe);
    if (status != 0)
      trouble_ = output.find("not found") != std::string::npos
                     ? "lines of source need addr2line: install binutils"
                     : "addr2line: " + output.substr(0, output.find('\n'));
  } else {
    trouble_ = "addr2line could not be started";
  }
  std::vector<std::vector<Frame>> found;
  std::string function;
  bool named = false;
  size_t at = 0;
  while (trouble_.empty() && at < output.size()) {
    const size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    at = end + 1;
    if (line.rfind("0x", 0) == 0) {
      found.emplace_back();
      named = false;
    } else if (!named) {
      function = line;
      named = true;
    } else {
      named = false;
      const size_t colon = line.rfind(':');
      if (found.empty() || colon == std::string::npos) continue;
      const std::string file = line.substr(0, colon);
      found.back().push_back({function, file, std::atoi(line.c_str() + colon + 1)});
    }
  }
  found.resize(offsets.size());
  return found;
}

void Symbols::resolve(const std::vector<Place>& places) {
  std::vector<Place> unknown;
  for (const Place p : places)
    if (!(p & kSite) && known_.insert({p, {}}).second) unknown.push_back(p);
  constexpr size_t kBatch = 2000;
  for (size_t from = 0; from < unknown.size(); from += kBatch) {
    const size_t to = std::min(unknown.size(), from + kBatch);
    std::vector<uintptr_t> offsets(unknown.begin() + static_cast<std::ptrdiff_t>(from),
                                   unknown.begin() + static_cast<std::ptrdiff_t>(to));
    const auto answers = ask(offsets);
    for (size_t i = from; i < to; ++i)
      for (const Frame& f : answers[i - from])
        if (f.line && !own(f.file)) known_[unknown[i]].push_back(f);
  }
}

const std::vector<Frame>& Symbols::frames(Place p) {
  if (!known_.contains(p)) {
    if (p & kSite) {
      const Site s = sites_[p & ~kSite];
      known_[p] = {{"", s.file ? s.file : "", s.line}};
    } else {
      resolve({p});
    }
  }
  return known_[p];
}

std::string Symbols::line(Place p) {
  const auto& f = frames(p);
  if (f.empty()) return "an unknown line" + (trouble_.empty() ? "" : " (" + trouble_ + ")");
  std::string text = base_name(f[0].file) + ":" + std::to_string(f[0].line);
  for (size_t i = 1; i < f.size(); ++i)
    if (f[i].file != f[i - 1].file)  // out of the header of a helper
      return text + " called at " + base_name(f[i].file) + ":" + std::to_string(f[i].line);
  return text;
}

std::string Symbols::function(const void* f) {
  const auto it = functions_.find(f);
  if (it != functions_.end()) return it->second;
  const auto answer = ask({reinterpret_cast<uintptr_t>(f) - base_});
  std::string name = answer.empty() || answer[0].empty() ? "" : answer[0].back().function;
  // "void pygan::backend_check::(anonymous namespace)::forward<float>(float const*, ...)"
  int depth = 0;
  size_t end = name.size();
  for (size_t i = name.size(); i-- > 0;) {  // without its parameters
    depth += name[i] == ')' ? 1 : name[i] == '(' ? -1 : 0;
    if (name[i] == '(' && depth == 0) {
      end = i;
      break;
    }
  }
  if (end > 0) name.resize(end);
  const std::string space = "(anonymous namespace)::";
  const size_t at = name.find(space);
  if (at != std::string::npos) name = name.substr(at + space.size());
  for (const char* prefix : {"pygan::backend_check::", "void "})
    if (const size_t found = name.find(prefix); found != std::string::npos)
      name.erase(found, std::strlen(prefix));
  return functions_[f] = name;
}

}  // namespace pygan::emu
