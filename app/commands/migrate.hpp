// MIGRATE: brings the tables of a PostgreSQL sink up to date.
#pragma once

#include "app/commands/cli.hpp"

#include <iosfwd>

namespace weir {

int command_migrate(const config& settings, std::ostream& out, std::ostream& err);

} // namespace weir
