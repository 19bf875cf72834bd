package org.turboesm.engine.cpu;

import org.turboesm.esm2.Linear;

/** What decides a linear layer's kernels: layers that agree in it share them. */
record MatmulShape(int inputs, int outputs, Linear.Epilogue epilogue) {}
