/* Stands in for libnvidia-ml.so.1 behind the real bindings. FAKE_NVML chooses what the machine is like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK 0
#define INVALID 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define NOT_LOADED 9
#define LOST 15
#define UNKNOWN 999

typedef unsigned long long u64;
typedef struct { u64 total, free, used; } memory_t;
typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char bus_id[32];
} pci_t;
typedef struct { unsigned sm, copy, dec, enc, jpeg, ofa, gpu_slices, compute_slices; u64 mib; } attributes_t;
typedef struct {
    const char *name;
    u64 total, free;
    unsigned bits, megahertz;
    int major, minor, links, number, parent, slices;
} gpu;

#define MIB (1024ULL * 1024)
static gpu rtx4090 = {"NVIDIA GeForce RTX 4090", 24564 * MIB, 23028 * MIB, 384, 10501, 8, 9, -1, 0, -1, 0};
static gpu h100 = {"NVIDIA H100 80GB HBM3", 81559 * MIB, 81000 * MIB, 5120, 2619, 9, 0, 18, 0, -1, 0};
static gpu a100 = {"NVIDIA A100-SXM4-40GB", 40960 * MIB, 40000 * MIB, 5120, 1215, 8, 0, 12, 0, -1, 0};
static gpu gb10 = {"NVIDIA GB10", 0, 0, 0, 0, 12, 1, -1, 0, -1, 0};
static gpu b300 = {"NVIDIA B300", 288 * 1024 * MIB, 287 * 1024 * MIB, 8192, 3996, 10, 3, -1, 0, -1, 0};
static gpu parts[2] = {
    {"NVIDIA A100-SXM4-40GB MIG 3g.20gb", 20096 * MIB, 20000 * MIB, 0, 0, 8, 0, -1, 0, 0, 3},
    {"NVIDIA A100-SXM4-40GB MIG 1g.5gb", 4864 * MIB, 4800 * MIB, 0, 0, 8, 0, -1, 1, 0, 1},
};
static gpu cards[8];
static int count;

static int is(const char *name) { const char *v = getenv("FAKE_NVML"); return v && !strcmp(v, name); }
static void put(gpu card) { card.number = count; cards[count++] = card; }

int nvmlInitWithFlags(unsigned flags) {
    if (is("not-loaded")) return NOT_LOADED;
    count = 0;
    if (is("eight")) for (int i = 0; i < 8; i++) put(h100);
    else if (is("mig") || is("mig-empty")) put(a100);
    else if (is("unified") || is("unified-zero")) put(gb10);
    else if (is("huge")) put(b300);
    else if (is("mixed")) { put(rtx4090); put(h100); }
    else if (is("lost") || is("memory-error")) for (int i = 0; i < 3; i++) put(rtx4090);
    else if (is("nonsense")) { rtx4090.total = 1ULL << 63; put(rtx4090); rtx4090.total = 24564 * MIB;
                               rtx4090.free = ~0ULL; put(rtx4090); }
    else if (!is("none")) put(rtx4090);
    return OK;
}
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "570.86.15"); return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12080; return OK; }
int nvmlDeviceGetCount_v2(unsigned *found) { if (is("hang")) sleep(60); *found = count; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **found) {
    if (is("lost") && index == 1) return LOST;
    if (is("crash")) { *found = (gpu *)0; return INVALID; }
    *found = &cards[index];
    return OK;
}
int nvmlDeviceGetName(gpu *card, char *text, unsigned size) { snprintf(text, size, "%s", card->name); return OK; }
int nvmlDeviceGetUUID(gpu *card, char *text, unsigned size) {
    snprintf(text, size, "%s-0000000%d-aaaa-bbbb-cccc-dddddddddddd", card->parent < 0 ? "GPU" : "MIG", card->number);
    return OK;
}
int nvmlDeviceGetMemoryInfo(gpu *card, memory_t *m) {
    if (is("unified")) return NOT_SUPPORTED;
    if (is("memory-error") && card->number == 1) return UNKNOWN;
    m->total = card->total; m->free = card->free; m->used = card->total - card->free;
    return OK;
}
int nvmlDeviceGetCudaComputeCapability(gpu *card, int *major, int *minor) {
    *major = card->major; *minor = card->minor; return OK;
}
int nvmlDeviceGetPciInfo_v3(gpu *card, pci_t *pci) {
    memset(pci, 0, sizeof *pci);
    pci->bus = card->number + 1;
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus);
    return OK;
}
#ifndef WITHOUT_BUS_WIDTH
int nvmlDeviceGetMemoryBusWidth(gpu *card, unsigned *bits) {
    if (!card->bits) return NOT_SUPPORTED;
    *bits = card->bits; return OK;
}
#endif
int nvmlDeviceGetMaxClockInfo(gpu *card, int type, unsigned *megahertz) {
    if (type != 2 || !card->megahertz) return NOT_SUPPORTED;
    *megahertz = card->megahertz; return OK;
}
int nvmlDeviceGetMaxPcieLinkGeneration(gpu *card, unsigned *value) { *value = 4; return OK; }
int nvmlDeviceGetMaxPcieLinkWidth(gpu *card, unsigned *value) { *value = 16; return OK; }
int nvmlDeviceGetNvLinkState(gpu *card, unsigned link, unsigned *active) {
    if (card->links < 0) return NOT_SUPPORTED;
    if ((int)link >= card->links) return INVALID;
    *active = 1; return OK;
}
int nvmlDeviceGetNvLinkVersion(gpu *card, unsigned link, unsigned *version) { *version = card->major == 9 ? 4 : 3; return OK; }
int nvmlDeviceGetMigMode(gpu *card, unsigned *current, unsigned *pending) {
    if (card->major < 8 || card->minor) return NOT_SUPPORTED;
    *current = *pending = is("mig") || is("mig-empty"); return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(gpu *card, unsigned *most) { *most = 7; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(gpu *card, unsigned index, gpu **found) {
    if (is("mig-empty") || index % 2 || index > 2) return NOT_FOUND; /* the numbers have holes */
    *found = &parts[index / 2]; return OK;
}
int nvmlDeviceGetAttributes_v2(gpu *card, attributes_t *a) {
    memset(a, 0, sizeof *a);
    a->gpu_slices = a->compute_slices = card->slices; a->mib = card->total / MIB; return OK;
}
