// SPDX-License-Identifier: ISC
// Keys that last for seconds, for test_session_storm.
#undef SESSION_REKEY_MS
#define SESSION_REKEY_MS 5000
