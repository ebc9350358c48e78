// ARGUMENTS: what several commands take, and how their texts become values.
#pragma once

#include "app/config/config.hpp"
#include "app/send/format_options.hpp"
#include "app/send/server_options.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir {

/// --config and --set.
struct config_arguments {
  std::string file;
  std::vector<std::string> overrides;
};

void add_config_arguments(CLI::App& command, config_arguments& into,
                          bool required = true);
void add_server_arguments(CLI::App& command, server_options& into);
void add_format_arguments(CLI::App& command, format_options& into);
/// Adds an option whose text `parse` turns into a value; an error is shown with the option's name.
void add_parsed(CLI::App& command, const std::string& name, const std::string& help,
                const std::string& type,
                std::function<std::string(const std::string&)> parse);

/// Empty, or why `text` is no whole number. CLI11 itself takes -1 for the largest there is.
std::string not_whole_number(const std::string& text);

/// `--stream`: its name is checked.
void add_stream(CLI::App& command, std::string& into, const std::string& help);
/// A parser for add_parsed(): RFC 3339, or a date alone for midnight UTC.
std::function<std::string(const std::string&)> time_into(int64_t& into);

/// Loads the configuration and hands it on, or prints its errors and is exit_bad_config.
int with_config(const config_arguments& arguments,
                const std::function<int(const config&)>& then);

} // namespace weir
