// The operations on prompt-cache files: `save` and `load`. They need no handles.
#pragma once

#include "skeleton/protocol.hpp"

void serve_files(conformance::Server& server);
