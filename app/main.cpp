#include "app/commands/cli.hpp"
#include "app/node/node.hpp"

int main(int argc, char** argv) {
  return weir::run_cli(argc, argv, weir::run_node);
}
