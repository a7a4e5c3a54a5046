#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/fuzz.h"

// In libFuzzer's place where there is none: runs every input of the folders given once. Ends with 1
// when there is nothing to run.

int main(int argc, char** argv) {
  int inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string input((std::istreambuf_iterator<char>(stream)), {});
      // Before it runs, so that the name of one that ends the program is known.
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);
      aliyun_ecs::fuzz::Fuzz(input);
      ++inputs;
    }
  }
  std::printf("%d inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
