package org.turboesm.calibration;

/**
 * Hadamard matrices: entries +1 and -1, orthogonal rows. Sizes are a power of two (Sylvester 1867)
 * times one, or times p + 1 for a prime p that is 3 modulo 4 (Paley 1933), which covers the head
 * sizes of ESM-2, 24 among them.
 */
final class HadamardMatrix {
  private HadamardMatrix() {}

  /**
   * An orthonormal matrix [size, size], rows divided by their length.
   *
   * @throws IllegalArgumentException if neither construction has this size
   */
  static double[][] orthonormal(int size) {
    return SymmetricMatrix.scaled(signs(size), 1 / Math.sqrt(size));
  }

  /** Whether there is one of this size among those that can be made here. */
  static boolean exists(int size) {
    return size == 1
        || (size % 2 == 0 && (exists(size / 2) || (isPrime(size - 1) && (size - 1) % 4 == 3)));
  }

  private static double[][] signs(int size) {
    if (size == 1) {
      return new double[][] {{1}};
    }
    if (!exists(size)) {
      throw new IllegalArgumentException("no construction of a Hadamard matrix of this size");
    }
    if (!exists(size / 2)) {
      return paley(size - 1);
    }
    double[][] half = signs(size / 2);
    double[][] signs = new double[size][size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        double sign = i >= size / 2 && j >= size / 2 ? -1 : 1;
        signs[i][j] = sign * half[i % (size / 2)][j % (size / 2)];
      }
    }
    return signs;
  }

  /** I + S, where S borders the quadratic residues' matrix with ones and minus ones. */
  private static double[][] paley(int prime) {
    boolean[] residue = new boolean[prime];
    for (int i = 1; i < prime; i++) {
      residue[i * i % prime] = true;
    }
    double[][] signs = new double[prime + 1][prime + 1];
    for (int i = 0; i <= prime; i++) {
      for (int j = 0; j <= prime; j++) {
        if (i == j || i == 0) {
          signs[i][j] = 1;
        } else if (j == 0) {
          signs[i][j] = -1;
        } else {
          signs[i][j] = residue[Math.floorMod(i - j, prime)] ? 1 : -1;
        }
      }
    }
    return signs;
  }

  private static boolean isPrime(int n) {
    for (int divisor = 2; divisor * divisor <= n; divisor++) {
      if (n % divisor == 0) {
        return false;
      }
    }
    return n > 1;
  }
}
