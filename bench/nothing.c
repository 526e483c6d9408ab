/* A preload library that does nothing: what the dynamic linker takes for any. */
extern const int nothing;
const int nothing = 0;
