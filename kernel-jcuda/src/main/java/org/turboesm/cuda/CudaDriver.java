package org.turboesm.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The driver of this process, loaded when it is first asked for, once. */
public final class CudaDriver {
  private static final Logger LOG = LoggerFactory.getLogger(CudaDriver.class);

  /** 12.0: the first whose driver loads what NVRTC 12 compiles. */
  private static final int OLDEST_VERSION = 12000;

  /** sm_80: the first with bfloat16 tensor cores and asynchronous copies. */
  private static final int OLDEST_ARCHITECTURE = 80;

  private static final int NAME_LENGTH = 256;

  private final Optional<String> unavailable;
  private final List<CudaDevice> devices;

  private static final class Holder {
    static final CudaDriver INSTANCE = open();
  }

  private CudaDriver(Optional<String> unavailable, List<CudaDevice> devices) {
    this.unavailable = unavailable;
    this.devices = devices;
  }

  /** The driver, or what stands for its absence. */
  public static CudaDriver get() {
    return Holder.INSTANCE;
  }

  /** Why no device can be used here and what to do about it, or empty. */
  public Optional<String> unavailable() {
    return unavailable;
  }

  /** The devices that can be used, by ordinal. */
  public List<CudaDevice> devices() {
    return devices;
  }

  /**
   * One device.
   *
   * @throws CudaException if there is no device of that ordinal, or it cannot be used
   */
  public CudaDevice device(int ordinal) {
    unavailable.ifPresent(
        reason -> {
          throw new CudaException(reason);
        });
    return devices.stream()
        .filter(device -> device.ordinal() == ordinal)
        .findFirst()
        .orElseThrow(
            () ->
                new CudaException(
                    "there is no usable GPU "
                        + ordinal
                        + "; usable are "
                        + devices.stream().map(CudaDevice::describe).toList()));
  }

  private static CudaDriver open() {
    Optional<String> missing =
        NativeLibraries.load("libcuda.so.1", "it comes with NVIDIA's driver: install that");
    if (missing.isPresent()) {
      return absent("there is no NVIDIA driver: " + missing.get());
    }
    try {
      return ask();
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      return absent("JCuda's native library cannot be loaded: " + e.getMessage());
    } catch (CudaException e) {
      return absent("the NVIDIA driver does not answer: " + e.getMessage());
    }
  }

  private static CudaDriver absent(String reason) {
    return new CudaDriver(Optional.of(reason), List.of());
  }

  private static CudaDriver ask() {
    int status = JCudaDriver.cuInit(0);
    if (status == CUresult.CUDA_ERROR_NO_DEVICE) {
      return absent("the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)");
    }
    if (status != CUresult.CUDA_SUCCESS) {
      return absent(
          "the NVIDIA driver does not start: "
              + CudaStatus.describe(status)
              + "; does nvidia-smi work?");
    }
    int[] version = new int[1];
    CudaStatus.check(JCudaDriver.cuDriverGetVersion(version), "cuDriverGetVersion");
    if (version[0] < OLDEST_VERSION) {
      return absent(
          "the NVIDIA driver is of CUDA "
              + describeVersion(version[0])
              + ", too old: "
              + describeVersion(OLDEST_VERSION)
              + " or newer is needed. Update the driver");
    }
    int[] count = new int[1];
    CudaStatus.check(JCudaDriver.cuDeviceGetCount(count), "cuDeviceGetCount");
    List<CudaDevice> usable = new ArrayList<>();
    List<String> old = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      CudaDevice device = device(i, handle(i));
      if (device.architecture() >= OLDEST_ARCHITECTURE) {
        usable.add(device);
      } else {
        old.add(device.describe());
      }
    }
    if (!old.isEmpty()) {
      LOG.info("GPUs older than sm_{} are passed over: {}", OLDEST_ARCHITECTURE, old);
    }
    if (usable.isEmpty()) {
      return absent(
          old.isEmpty()
              ? "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)"
              : "the GPUs here are older than sm_" + OLDEST_ARCHITECTURE + " (Ampere): " + old);
    }
    return new CudaDriver(Optional.empty(), List.copyOf(usable));
  }

  static CUdevice handle(int ordinal) {
    CUdevice handle = new CUdevice();
    CudaStatus.check(
        JCudaDriver.cuDeviceGet(handle, ordinal), () -> "cuDeviceGet of GPU " + ordinal);
    return handle;
  }

  private static CudaDevice device(int ordinal, CUdevice handle) {
    byte[] name = new byte[NAME_LENGTH];
    CudaStatus.check(
        JCudaDriver.cuDeviceGetName(name, name.length, handle),
        () -> "cuDeviceGetName of GPU " + ordinal);
    long[] memory = new long[1];
    CudaStatus.check(
        JCudaDriver.cuDeviceTotalMem(memory, handle), () -> "cuDeviceTotalMem of GPU " + ordinal);
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    return new CudaDevice(
        ordinal,
        new String(name, 0, length, java.nio.charset.StandardCharsets.UTF_8),
        10 * attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        memory[0],
        attribute(
            handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
  }

  private static int attribute(CUdevice handle, int attribute) {
    int[] value = new int[1];
    CudaStatus.check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, handle),
        () -> "cuDeviceGetAttribute " + CUdevice_attribute.stringFor(attribute));
    return value[0];
  }

  private static String describeVersion(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }
}
