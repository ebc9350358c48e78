#include "app/cli.hpp"
#include "app/node.hpp"

int main(int argc, char** argv) {
  return weir::run_cli(argc, argv, weir::run_node);
}
