// Binds the list of codes to CAF, so that an actor can quit or answer with one.
#pragma once

#include "base/codes.hpp"

#include <caf/error.hpp>
#include <caf/make_message.hpp> // CAF_ERROR_CODE_ENUM needs it in 0.17

CAF_ERROR_CODE_ENUM(weir::ec, "weir")
