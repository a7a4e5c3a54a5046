#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

// prometheus-cpp as it is usually used, with the families of a page in the text format, for
// comparison: a Registry behind its own web server, the Exposer.
//
//   benchmark_exposer PAGE PORT
//
// It serves them until SIGTERM.

namespace {

using Labels = std::map<std::string, std::string>;

// Of `name{a="b",c="d"} 1`. No label of the pages that are benchmarked has a quote in it.
Labels LabelsOf(const std::string& line) {
  Labels labels;
  const auto open = line.find('{');
  if (open == std::string::npos) return labels;
  for (std::size_t at = open + 1; at < line.size() && line[at] != '}';) {
    const auto equals = line.find("=\"", at);
    const auto quote = line.find('"', equals + 2);
    labels[line.substr(at, equals - at)] = line.substr(equals + 2, quote - equals - 2);
    at = quote + (line[quote + 1] == ',' ? 2 : 1);
  }
  return labels;
}

double ValueOf(const std::string& line) {
  return std::strtod(line.c_str() + line.rfind(' '), nullptr);
}

struct Family {
  std::string name, help, type;
  std::vector<std::string> samples;  // lines

  void RegisterIn(prometheus::Registry& registry) const {
    if (type == "counter") {
      auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
      for (const auto& line : samples) family.Add(LabelsOf(line)).Increment(ValueOf(line));
    } else if (type == "gauge") {
      auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry);
      for (const auto& line : samples) family.Add(LabelsOf(line)).Set(ValueOf(line));
    } else {
      RegisterHistogramIn(registry);
    }
  }

  void RegisterHistogramIn(prometheus::Registry& registry) const {
    std::vector<double> bounds;
    for (const auto& line : samples) {
      const Labels labels = LabelsOf(line);
      const auto bound = labels.find("le");
      if (bound != labels.end() && bound->second != "+Inf") {
        bounds.push_back(std::strtod(bound->second.c_str(), nullptr));
      }
    }
    prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
  }
};

std::vector<Family> ReadPage(const char* path) {
  std::vector<Family> families;
  std::ifstream file(path);
  std::string help;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# HELP ")) {
      help = line.substr(line.find(' ', 7) + 1);
    } else if (line.starts_with("# TYPE ")) {
      const auto blank = line.find(' ', 7);
      families.push_back({line.substr(7, blank - 7), help, line.substr(blank + 1), {}});
    } else {
      families.back().samples.push_back(line);
    }
  }
  return families;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: benchmark_exposer PAGE PORT\n");
    return 1;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const auto registry = std::make_shared<prometheus::Registry>();
  for (const auto& family : ReadPage(argv[1])) family.RegisterIn(*registry);
  // At its best: by default it closes each connection, and has two workers.
  prometheus::Exposer exposer(std::vector<std::string>{
      "listening_ports", std::string("127.0.0.1:") + argv[2], "num_threads", "8",
      "enable_keep_alive", "yes", "keep_alive_timeout_ms", "1000", "tcp_nodelay", "1"});
  exposer.RegisterCollectable(registry);
  int number = 0;
  sigwait(&signals, &number);
  return 0;
}
