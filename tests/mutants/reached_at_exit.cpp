// Linked into the simulator of the mutants' build: at its end it writes the codes of the edits
// that it reached into the file that WEIR_MUTANTS_REACHED names.
#include "tests/mutants/mutant.hpp"

#include <fstream>

namespace {

const bool registered = [] {
  if (std::getenv("WEIR_MUTANTS_REACHED") == nullptr)
    return false;
  return std::atexit([] {
           std::ofstream out{std::getenv("WEIR_MUTANTS_REACHED")};
           out << "simulation 0";
           for (const auto& slot : weir::the_mutant_switch().reached)
             if (const auto code = slot.load(); code != 0)
               out << ' ' << code;
           out << '\n';
         })
         == 0;
}();

} // namespace
