// Where the documents and configurations are that tests compare with the code.
#pragma once

#include <filesystem>
#include <stdexcept>

namespace weir {

/// Found above the test program: the compiler may have been given relative paths.
inline std::filesystem::path repository() {
  for (auto start :
       {std::filesystem::read_symlink("/proc/self/exe"), std::filesystem::current_path()})
    for (; start != start.root_path(); start = start.parent_path())
      if (std::filesystem::exists(start / "configs/single-node.yaml"))
        return start;
  throw std::runtime_error("run this test below the repository");
}

} // namespace weir
