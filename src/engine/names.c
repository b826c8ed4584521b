// SPDX-License-Identifier: Apache-2.0
#include "engine/names.h"

#include <sys/random.h>

#include "base/str.h"

static const char *const adjectives[] = {
    "able",     "amber",    "ample",   "apt",     "autumn",  "avid",    "bold",    "brave",
    "breezy",   "bright",   "brisk",   "broad",   "calm",    "candid",  "careful", "cedar",
    "cheerful", "chilly",   "civil",   "clear",   "clever",  "coastal", "copper",  "cosy",
    "crimson",  "crisp",    "curious", "daring",  "deft",    "dreamy",  "dusky",   "eager",
    "early",    "earnest",  "easy",    "elegant", "even",    "exact",   "fabled",  "fair",
    "famous",   "fearless", "fine",    "firm",    "fleet",   "fluent",  "fond",    "frank",
    "free",     "fresh",    "gallant", "gentle",  "gifted",  "glad",    "golden",  "good",
    "graceful", "grand",    "green",   "hardy",   "hazel",   "hearty",  "honest",  "humble",
    "indigo",   "ivory",    "jade",    "jolly",   "keen",    "kind",    "lasting", "level",
    "light",    "likely",   "lively",  "loyal",   "lucid",   "lucky",   "lunar",   "maple",
    "marble",   "mellow",   "merry",   "mild",    "modest",  "mossy",   "neat",    "nimble",
    "noble",    "northern", "olive",   "open",    "orderly", "patient", "pearly",  "placid",
    "plain",    "polite",   "proud",   "quick",   "quiet",   "ready",   "regal",   "rosy",
    "rustic",   "sage",     "sandy",   "serene",  "sharp",   "silver",  "sincere", "smooth",
    "snowy",    "solar",    "solid",   "sound",   "spry",    "steady",  "sunny",   "swift",
    "tidy",     "tranquil", "true",    "upbeat",  "vivid",   "warm",    "wise",    "witty",
};

static const char *const surnames[] = {
    "abel",       "agnesi",     "ampere",     "anning",       "arago",    "babbage",   "banneker",
    "bassi",      "becquerel",  "bell",       "bernoulli",    "bessel",   "bohr",      "boltzmann",
    "boole",      "borlaug",    "brahe",      "braille",      "burnell",  "cannon",    "cantor",
    "carson",     "cauchy",     "cavendish",  "celsius",      "chandra",  "chatelet",  "clarke",
    "copernicus", "coulomb",    "curie",      "cuvier",       "dalton",   "darwin",    "davy",
    "descartes",  "dirac",      "doppler",    "eddington",    "einstein", "euclid",    "euler",
    "faraday",    "fermat",     "fermi",      "feynman",      "fourier",  "franklin",  "fresnel",
    "galois",     "galvani",    "gauss",      "germain",      "gibbs",    "godel",     "goodall",
    "halley",     "hamilton",   "heaviside",  "helmholtz",    "hero",     "herschel",  "hertz",
    "hilbert",    "hodgkin",    "hooke",      "hopper",       "hubble",   "humboldt",  "huygens",
    "hypatia",    "jacobi",     "jacquard",   "jenner",       "johnson",  "joule",     "kelvin",
    "kepler",     "klein",      "koch",       "kovalevskaya", "lagrange", "lamarr",    "laplace",
    "lavoisier",  "leavitt",    "legendre",   "leibniz",      "linnaeus", "lorentz",   "lovelace",
    "maxwell",    "mayer",      "mcclintock", "meitner",      "mendel",   "mendeleev", "mercator",
    "mirzakhani", "mitchell",   "napier",     "newton",       "noether",  "ohm",       "pascal",
    "pasteur",    "pauling",    "payne",      "planck",       "poincare", "ptolemy",   "raman",
    "ramanujan",  "riemann",    "rubin",      "rutherford",   "sagan",    "shannon",   "somerville",
    "tesla",      "torricelli", "turing",     "volta",        "watt",     "wien",      "wu",
    "yalow",      "zuse",
};

char *name_generate(int tries)
{
    uint16_t random[3] = {0};
    IGNORE(getrandom(random, sizeof(random), 0) < 0); /* then the first name, and a digit more */
    const char *a = adjectives[random[0] % ARRAY_SIZE(adjectives)];
    const char *s = surnames[random[1] % ARRAY_SIZE(surnames)];
    return tries ? str_format("%s_%s%d", a, s, random[2] % 10) : str_format("%s_%s", a, s);
}
