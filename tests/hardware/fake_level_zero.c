/* Stands in for libze_loader.so.1: one Arc B580 at 0000:03:00.0 with two memory modules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint32_t stype; void *next; uint32_t domain, bus, device, function; int32_t gen, width; int64_t rate; uint8_t c[3]; } pci_t;
typedef struct { uint32_t stype; void *next; int32_t health; uint64_t free, size; } memory_t;

static int one;
static int list(uint32_t *count, void **handles, uint32_t have) {
    for (uint32_t i = 0; handles && i < have; i++) handles[i] = &one;
    *count = have;
    return 0;
}
int zesInit(uint32_t flags) { return getenv("FAKE_ZE_FAILS") ? 0x78000001 : 0; }
int zesDriverGet(uint32_t *count, void **handles) { return list(count, handles, 1); }
int zesDeviceGet(void *driver, uint32_t *count, void **handles) { return list(count, handles, driver == &one); }
int zesDevicePciGetProperties(void *device, pci_t *pci) {
    if (pci->stype != 2) return 1;
    pci->domain = 0; pci->bus = 3; pci->device = 0; pci->function = 0;
    return 0;
}
int zesDeviceEnumMemoryModules(void *device, uint32_t *count, void **handles) { return list(count, handles, 2); }
int zesMemoryGetState(void *memory, memory_t *state) {
    if (state->stype != 0x1e) return 1;
    state->size = 6ULL << 30; state->free = 5ULL << 30;
    return 0;
}
