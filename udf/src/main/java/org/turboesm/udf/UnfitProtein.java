package org.turboesm.udf;

import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;

/** The error of a protein that cannot be left out and does not fit the device's memory. */
final class UnfitProtein {
  private UnfitProtein() {}

  /**
   * @param purpose what it was chosen for
   * @param remedy how to choose others
   */
  static TurboEsmException error(
      String id, int residues, String purpose, String remedy, OutOfDeviceMemoryException refused) {
    return new TurboEsmException(
        "protein "
            + id
            + " of "
            + residues
            + " residues, one of those "
            + purpose
            + ", does not fit the device's memory beside the model, not even alone; "
            + remedy
            + ", or take --precision int8, a smaller model or a larger device (turboesm plan says"
            + " what fits): "
            + refused.getMessage(),
        refused);
  }
}
