// SPDX-License-Identifier: ISC
// The texts that the test vectors of RFC 8439 share.
#ifndef TETHER_TEST_UNIT_RFC8439_H
#define TETHER_TEST_UNIT_RFC8439_H

// Sections 2.4.2 and 2.8.2.
#define SUNSCREEN                                                                                  \
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future"   \
    ", sunscreen would be it."

// Appendices A.2 and A.3.
#define SUBMISSION                                                                                 \
    "Any submission to the IETF intended by the Contributor for publication as all or part of a"   \
    "n IETF Internet-Draft or RFC and any statement made within the context of an IETF activity"   \
    " is considered an \"IETF Contribution\". Such statements include oral statements in IETF s"   \
    "essions, as well as written and electronic communications made at any time or place, which"   \
    " are addressed to"

#define JABBERWOCKY                                                                                \
    "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\nAll mimsy were the "   \
    "borogoves,\nAnd the mome raths outgrabe."

#endif
