package org.turboesm.cuda;

import org.turboesm.TurboEsmException;

/** A call of the CUDA driver, of NVRTC or of cuBLAS that failed. */
public class CudaException extends TurboEsmException {
  private static final long serialVersionUID = 1L;

  CudaException(String message) {
    super(message);
  }

  CudaException(String message, Throwable cause) {
    super(message, cause);
  }
}
