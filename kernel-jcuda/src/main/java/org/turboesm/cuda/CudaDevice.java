package org.turboesm.cuda;

/**
 * A GPU.
 *
 * @param ordinal as the driver counts them, after CUDA_VISIBLE_DEVICES
 * @param architecture 10 * major + minor of its compute capability, the number in sm_90
 * @param memoryBytes all of its memory
 * @param sharedBytesPerBlock the most shared memory that a block can ask for
 */
public record CudaDevice(
    int ordinal,
    String name,
    int architecture,
    int multiprocessors,
    long memoryBytes,
    int sharedBytesPerBlock) {

  /** Name, architecture and memory, for people. */
  public String describe() {
    return "GPU "
        + ordinal
        + " "
        + name
        + " (sm_"
        + architecture
        + ", "
        + multiprocessors
        + " multiprocessors, "
        + Math.round(memoryBytes / 0x1p30)
        + " GiB)";
  }
}
